"""InitProducerId (API key 22), versions 0–5: an identity for an idempotent producer (KIP-98).

v2 is flexible, v3 lets a producer bring its id and epoch to have the epoch raised (KIP-360), v4 may answer
PRODUCER_FENCED, v5 belongs to transactions V2 (KIP-890).

An idempotent producer gets a fresh id at epoch 0 each time, also where it brings an old one: as with Kafka, only
transactional ids have somebody who remembers epochs. (A client raises the epoch of an idempotent id by itself.)

Not implemented:
- transactional ids: UNSUPPORTED_VERSION, which clients tell their application instead of asking again.
"""

from __future__ import annotations

from broker.handlers.services import Services
from broker.request import RequestContext
from protocol.errors import ErrorCode, KafkaError
from protocol.messages.init_producer_id import InitProducerIdRequest, InitProducerIdResponse

NOT_IMPLEMENTED = ("transactional ids",)

NO_PRODUCER_ID = -1
NO_PRODUCER_EPOCH = -1


async def handle(services: Services, context: RequestContext, request: InitProducerIdRequest) -> InitProducerIdResponse:
    refusal = _refusal(request)
    if refusal is not None:
        return InitProducerIdResponse(error_code=refusal, producer_epoch=NO_PRODUCER_EPOCH)
    try:
        producer_id = await services.controller.next_producer_id()
    except KafkaError as error:
        # Producers retry this one, wherever the block of ids could not be had from.
        code = error.code
        if code in (ErrorCode.NOT_CONTROLLER, ErrorCode.REQUEST_TIMED_OUT):
            code = ErrorCode.COORDINATOR_LOAD_IN_PROGRESS
        return InitProducerIdResponse(error_code=code, producer_epoch=NO_PRODUCER_EPOCH)
    return InitProducerIdResponse(producer_id=producer_id, producer_epoch=0)


def _refusal(request: InitProducerIdRequest) -> ErrorCode | None:
    has_id = request.producer_id != NO_PRODUCER_ID
    has_epoch = request.producer_epoch != NO_PRODUCER_EPOCH
    if has_id != has_epoch or request.transactional_id == "":
        return ErrorCode.INVALID_REQUEST
    if request.transactional_id is not None:
        return ErrorCode.UNSUPPORTED_VERSION
    return None
