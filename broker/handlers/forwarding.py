"""Admin requests, which any broker takes: one that is not the controller sends them on to it as they came."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

from broker.cluster.forwarder import TIMEOUT_MS_DEFAULT
from broker.handlers.services import Services
from broker.request import RequestContext
from protocol import Message, Request
from protocol.api_keys import ApiKey
from protocol.errors import ErrorCode, KafkaError

logger = logging.getLogger(__name__)

Handle = Callable[[Services, RequestContext, Any], Any]


def forwarded(handle: Handle, response_type: type[Message]) -> Handle:
    """`handle` for any node. Where no controller answers in time, this node's own refusal is the answer."""

    @wraps(handle)  # docs/COMPATIBILITY.md is written from the module of what serves
    async def handle_or_forward(services: Services, context: RequestContext, request: Request) -> object:
        if not services.controller.is_active:
            timeout_ms = getattr(request, "timeout_ms", TIMEOUT_MS_DEFAULT)
            try:
                return await services.forwarder.forward(
                    context, request, response_type, timeout_ms=min(max(timeout_ms, 0), TIMEOUT_MS_DEFAULT)
                )
            except KafkaError as error:
                answer = _too_new(context, response_type) if error.code is ErrorCode.UNSUPPORTED_VERSION else None
                if answer is not None:
                    return answer
                # The handler knows where each code belongs: it will find out that it is not the controller.
        result = handle(services, context, request)
        return await result if isinstance(result, Coroutine) else result

    return handle_or_forward


def _too_new(context: RequestContext, response_type: type[Message]) -> Message | None:
    """While a cluster is upgraded its controller may not know yet what this broker advertises. None where the response
    has no place for one code for everything."""
    problem = (
        f"the controller runs an older version, which does not take {ApiKey(context.api_key).name} "
        f"v{context.api_version}: upgrade it first"
    )
    logger.warning("%s", problem)
    answer: Any = response_type()
    if not hasattr(answer, "error_code"):
        return None
    answer.error_code = ErrorCode.UNSUPPORTED_VERSION
    if hasattr(answer, "error_message"):
        answer.error_message = problem
    refusal: Message = answer
    return refusal
