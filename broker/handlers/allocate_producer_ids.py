"""AllocateProducerIds (API key 67), version 0: a broker asks the controller for a block of producer ids (KIP-730)."""

from __future__ import annotations

from broker.handlers.services import Services
from broker.request import RequestContext
from protocol.errors import KafkaError
from protocol.messages.controller import AllocateProducerIdsRequest, AllocateProducerIdsResponse


async def handle(
    services: Services, context: RequestContext, request: AllocateProducerIdsRequest
) -> AllocateProducerIdsResponse:
    try:
        first, end = await services.controller.allocate_producer_ids(request.broker_id)
    except KafkaError as error:
        return AllocateProducerIdsResponse(error_code=error.code)
    return AllocateProducerIdsResponse(producer_id_start=first, producer_id_len=end - first)
