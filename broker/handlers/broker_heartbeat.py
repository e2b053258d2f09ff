"""BrokerHeartbeat (API key 63), versions 0–2: a broker lives, wants to go, or wants to come back.

v1 and v2 add log directories that are offline or cordoned (KIP-858, KIP-1066): a broker here has one, and stops when
it fails.
"""

from __future__ import annotations

from broker.controller import Heartbeat
from broker.handlers.services import Services
from broker.request import RequestContext
from protocol.errors import KafkaError
from protocol.messages.controller import BrokerHeartbeatRequest, BrokerHeartbeatResponse


async def handle(
    services: Services, context: RequestContext, request: BrokerHeartbeatRequest
) -> BrokerHeartbeatResponse:
    heartbeat = Heartbeat(
        node_id=request.broker_id,
        broker_epoch=request.broker_epoch,
        metadata_offset=request.current_metadata_offset,
        wants_fence=request.want_fence,
        wants_shut_down=request.want_shut_down,
    )
    try:
        decision = await services.brokers.heartbeat(heartbeat)
    except KafkaError as error:
        return BrokerHeartbeatResponse(error_code=error.code)
    return BrokerHeartbeatResponse(
        is_caught_up=decision.is_caught_up,
        is_fenced=decision.is_fenced,
        should_shut_down=decision.may_shut_down,
    )
