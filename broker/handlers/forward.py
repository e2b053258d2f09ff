"""Forward (private API key 10002), version 0: a client's request that another broker sent on to the controller."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from broker.handlers.services import Services
from broker.request import RequestContext
from protocol import ApiKey, decode, encode
from protocol.errors import ErrorCode, ProtocolError
from protocol.messages.internal import ForwardRequest, ForwardResponse


async def handle(services: Services, context: RequestContext, request: ForwardRequest) -> ForwardResponse:
    # The page lists this handler, and this handler looks at the page.
    from broker.handlers.controller_apis import FORWARDABLE

    if not services.controller.is_active:
        return ForwardResponse(error_code=ErrorCode.NOT_CONTROLLER)
    api = FORWARDABLE.get(request.api_key)
    if api is None or not api.min_version <= request.api_version <= api.max_version:
        return ForwardResponse(error_code=ErrorCode.UNSUPPORTED_VERSION)
    forwarded = RequestContext(
        ApiKey(request.api_key),
        request.api_version,
        context.correlation_id,
        request.client_id,
        request.client_host,
        context.listener_name,
        request.principal,
    )
    try:
        asked: Any = decode(api.request, request.api_version, request.request_data)
    except ProtocolError:
        return ForwardResponse(error_code=ErrorCode.INVALID_REQUEST)
    result = api.handle(services, forwarded, asked)
    answer: Any = await result if isinstance(result, Coroutine) else result
    return ForwardResponse(
        metadata_offset=services.quorum.applied_index, response_data=encode(answer, request.api_version)
    )
