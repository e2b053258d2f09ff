"""BrokerRegistration (API key 62), versions 0–4: a broker that has started tells the controller where it is.

v2 adds log directories (KIP-858): a broker here has one, and with another it is not the replica that it was.
v1, v3 and v4 add fields about ZooKeeper and the previous incarnation (KIP-866, KIP-966), which change nothing here.
"""

from __future__ import annotations

import logging

from broker.controller import Registration
from broker.handlers.services import Services
from broker.request import RequestContext
from protocol.errors import KafkaError
from protocol.messages.controller import BrokerRegistrationRequest, BrokerRegistrationResponse

logger = logging.getLogger(__name__)


async def handle(
    services: Services, context: RequestContext, request: BrokerRegistrationRequest
) -> BrokerRegistrationResponse:
    registration = Registration(
        node_id=request.broker_id,
        incarnation_id=request.incarnation_id,
        endpoints={listener.name: (listener.host, listener.port) for listener in request.listeners},
        rack=request.rack or None,
        features={each.name: (each.min_supported_version, each.max_supported_version) for each in request.features},
        directory_id=request.log_dirs[0] if request.log_dirs else b"",
    )
    try:
        epoch = await services.brokers.register(registration, cluster_id=request.cluster_id)
    except KafkaError as error:
        logger.warning("broker %d may not register: %s", request.broker_id, error.message)
        return BrokerRegistrationResponse(error_code=error.code)
    return BrokerRegistrationResponse(broker_epoch=epoch)
