"""Requests that only the active controller can carry out, sent on by the broker that a client happened to ask.

The answer goes to the client when this broker has applied what the controller did: whoever asks this broker next sees
it.
"""

from __future__ import annotations

import asyncio
from typing import Protocol, TypeVar

from broker.cluster.controller_channel import ControllerChannel
from broker.request import RequestContext
from protocol import Message, Request, decode, encode
from protocol.errors import ErrorCode, KafkaError
from protocol.messages.internal import ForwardRequest, ForwardResponse

R = TypeVar("R", bound=Message)

VERSION = 0
# Where the request itself does not say how long its sender waits: less than clients' 30 s.
TIMEOUT_MS_DEFAULT = 15_000.0


class Applied(Protocol):
    async def wait_applied(self, index: int) -> None: ...


class Forwarder:
    def __init__(self, channel: ControllerChannel, applied: Applied) -> None:
        self._channel = channel
        self._applied = applied

    async def forward(
        self, context: RequestContext, request: Request, response_type: type[R], *, timeout_ms: float
    ) -> R:
        """The controller's answer. Raises KafkaError REQUEST_TIMED_OUT, also where there was no controller."""
        forwarded = ForwardRequest(
            principal=context.principal,
            client_id=context.client_id,
            client_host=context.client_host,
            api_key=context.api_key,
            api_version=context.api_version,
            request_data=encode(request, context.api_version),
        )
        answer = await self._channel.send(forwarded, ForwardResponse, version=VERSION, timeout_ms=timeout_ms)
        if answer.error_code or answer.response_data is None:
            raise KafkaError(ErrorCode(answer.error_code or ErrorCode.UNKNOWN_SERVER_ERROR))
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                await self._applied.wait_applied(answer.metadata_offset)
        except TimeoutError:
            raise KafkaError(ErrorCode.REQUEST_TIMED_OUT, "this broker lags behind the metadata log") from None
        return decode(response_type, context.api_version, answer.response_data)
