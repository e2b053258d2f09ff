"""One connection of a simulated client: requests out in order, answers in the same order, through `protocol` alone."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from protocol import ApiKey, decode, encode
from protocol.framing import FrameSplitter, frame
from protocol.headers import RequestHeader, decode_response_header, encode_request_header
from protocol.messages import REQUESTS, RESPONSES

Address = tuple[str, int]

CONNECT_TIMEOUT_S = 2.0
FRAME_BYTES_MAX = 16 * 1024 * 1024
_KEY_OF: dict[type, ApiKey] = {message: key for key, message in REQUESTS.items()}


class Disconnected(Exception):
    """No answer: what was sent may have been carried out."""


class NeverSent(Disconnected):
    """There was no connection: what was to be sent had no effect."""


class Pending:
    """The answer that is still to come to one request."""

    __slots__ = ("_connection", "_future")

    def __init__(self, connection: Connection, future: asyncio.Future[Any]) -> None:
        self._connection = connection
        self._future = future

    async def answer(self, *, within_s: float) -> Any:
        """Raises Disconnected."""
        try:
            async with asyncio.timeout(within_s):
                return await asyncio.shield(self._future)
        except TimeoutError:
            self._connection.close()
            raise Disconnected(f"no answer within {within_s:.1f} s") from None


class Connection(asyncio.Protocol):
    """To one broker. An answer that does not come in time takes the connection with it."""

    def __init__(self, client_id: str, number: int) -> None:
        self.client_id = client_id
        self.number = number
        self._transport: asyncio.Transport | None = None
        self._frames = FrameSplitter(FRAME_BYTES_MAX)
        self._correlation_id = 0
        self._in_flight: deque[tuple[int, ApiKey, int, asyncio.Future[Any]]] = deque()

    @classmethod
    async def open(cls, address: Address, client_id: str, number: int) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                _, connection = await loop.create_connection(lambda: cls(client_id, number), *address)
        except (OSError, TimeoutError) as error:
            raise NeverSent(f"{address} cannot be reached: {error!r}") from None
        return connection

    @property
    def is_open(self) -> bool:
        return self._transport is not None

    def send(self, request: Any, *, version: int) -> Pending:
        """Raises NeverSent if the connection has ended."""
        if self._transport is None:
            raise NeverSent("the connection has ended")
        key = _KEY_OF[type(request)]
        self._correlation_id += 1
        header = encode_request_header(RequestHeader(key, version, self._correlation_id, self.client_id))
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._in_flight.append((self._correlation_id, key, version, future))
        self._transport.write(frame(header, encode(request, version)))
        return Pending(self, future)

    async def call(self, request: Any, *, version: int, within_s: float) -> Any:
        return await self.send(request, version=version).answer(within_s=within_s)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
            self._end("closed here")

    # --- the transport calls these -------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        for body in self._frames.feed(data):
            assert self._in_flight, "an answer that nobody asked for"
            expected, key, version, future = self._in_flight.popleft()
            correlation_id, position = decode_response_header(body, key, version)
            assert correlation_id == expected, f"answer {correlation_id} came to request {expected}"
            response = decode(RESPONSES[key], version, bytes(body[position:]))
            if not future.done():
                future.set_result(response)

    def connection_lost(self, error: Exception | None) -> None:
        self._end(repr(error) if error else "closed by the broker")

    def _end(self, reason: str) -> None:
        self._transport = None
        in_flight, self._in_flight = self._in_flight, deque()
        for _, _, _, future in in_flight:
            if not future.done():
                future.set_exception(Disconnected(reason))
                future.exception()  # whoever waits hears it; where nobody does, it is no news
