"""Admin requests, which any broker takes: one that is not the controller sends them on to it as they came."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from broker.cluster.forwarder import TIMEOUT_MS_DEFAULT
from broker.handlers.services import Services
from broker.request import RequestContext
from protocol import Message, Request
from protocol.errors import KafkaError

Handle = Callable[[Services, RequestContext, Any], Any]


def forwarded(handle: Handle, response_type: type[Message]) -> Handle:
    """`handle` for any node. Where no controller answers in time, this node's own refusal is the answer."""

    async def handle_or_forward(services: Services, context: RequestContext, request: Request) -> object:
        if not services.controller.is_active:
            timeout_ms = getattr(request, "timeout_ms", TIMEOUT_MS_DEFAULT)
            try:
                return await services.forwarder.forward(
                    context, request, response_type, timeout_ms=min(max(timeout_ms, 0), TIMEOUT_MS_DEFAULT)
                )
            except KafkaError:
                # The handler knows where each code belongs: it will find out that it is not the controller.
                pass
        result = handle(services, context, request)
        return await result if isinstance(result, Coroutine) else result

    return handle_or_forward
