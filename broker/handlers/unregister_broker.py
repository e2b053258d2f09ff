"""UnregisterBroker (API key 64), version 0: forget a broker that will not come back (KIP-500)."""

from __future__ import annotations

from broker.handlers.services import Services
from broker.request import RequestContext
from protocol.errors import KafkaError
from protocol.messages.controller import UnregisterBrokerRequest, UnregisterBrokerResponse

NOT_IMPLEMENTED: tuple[str, ...] = ()


async def handle(
    services: Services, context: RequestContext, request: UnregisterBrokerRequest
) -> UnregisterBrokerResponse:
    try:
        await services.brokers.unregister(request.broker_id)
    except KafkaError as error:
        return UnregisterBrokerResponse(error_code=error.code, error_message=error.message)
    return UnregisterBrokerResponse(error_message=None)
