"""One open connection to another node: frames out, answers back in the order of the requests, and when it is too late.

What a request of one kind needs is looked up once, and one timer watches over all that is under way: a follower's
fetches are small and many, and of what a fetch costs the follower most is its way there and back.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from broker.network.peer_route import PeerRoute
from broker.network.peer_versions import NoCommonVersion, PeerVersions
from protocol import Request, Response, decoder
from protocol.errors import ProtocolError
from protocol.framing import FrameSplitter
from protocol.headers import decode_response_header

FRAME_BYTES_MAX = 256 * 1024 * 1024
IN_FLIGHT_MAX = 10_000
# What the other side has not read yet: above it one-way messages are dropped.
UNSENT_BYTES_MAX = 64 * 1024 * 1024
# Of what somebody else ends.
NO_TIMEOUT = math.inf


class PeerUnreachable(Exception):
    """No answer: no address, no connection, or the connection ended first. The request may have been carried out."""


class PeerLink(asyncio.Protocol):
    """One open connection, from its first byte to its end."""

    def __init__(self, client_id: str, loop: asyncio.AbstractEventLoop, on_ended: Callable[[PeerLink], None]) -> None:
        self._on_ended = on_ended
        self._client_id = client_id
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._frames = FrameSplitter(FRAME_BYTES_MAX)
        self._correlation_id = 0
        self._in_flight: deque[_Expected] = deque()
        self._reason = "the connection was closed by the other side"
        self.ended: asyncio.Future[None] = loop.create_future()
        # None until the other side has said it.
        self.versions: PeerVersions | None = None
        # By type and newest version, as far as they are known to be spoken.
        self._routes: dict[tuple[type[Request], int], PeerRoute] = {}
        # Rings when the first of those under way is too late.
        self._watch: asyncio.TimerHandle | None = None

    @property
    def is_congested(self) -> bool:
        transport = self._transport
        return (
            transport is None
            or len(self._in_flight) >= IN_FLIGHT_MAX
            or transport.get_write_buffer_size() > UNSENT_BYTES_MAX
        )

    def send(
        self, request: Request, response_type: type[Response], version: int, timeout_ms: float = NO_TIMEOUT
    ) -> asyncio.Future[Response]:
        if self.is_congested:
            raise PeerUnreachable("too much is under way already" if self._transport else self._reason)
        future: asyncio.Future[Response] = self._loop.create_future()
        try:
            self._write(request, version, response_type, future, timeout_ms)
        except NoCommonVersion as problem:
            if self.versions is not None and self.versions.is_assumed:
                self.abort("it is to be asked again what it speaks")
            raise PeerUnreachable(str(problem)) from None
        return future

    def post(self, request: Request, version: int) -> None:
        self._write(request, version, None, None)

    def abort(self, reason: str) -> None:
        if self._transport is not None:
            self._reason = reason
            self._transport.abort()

    def _write(
        self,
        request: Request,
        version: int,
        response_type: type[Response] | None,
        future: asyncio.Future[Response] | None,
        timeout_ms: float = NO_TIMEOUT,
    ) -> None:
        route = self._routes.get((type(request), version)) or self._route(type(request), version)
        correlation_id = self._correlation_id = self._correlation_id + 1 & 0x7FFF_FFFF
        deadline_s = self._loop.time() + timeout_ms / 1000
        message = route.frame(request, correlation_id)
        self._in_flight.append(_Expected(correlation_id, route, response_type, future, timeout_ms, deadline_s))
        if timeout_ms != NO_TIMEOUT and (self._watch is None or deadline_s < self._watch.when()):
            self._look_at(deadline_s)
        assert self._transport is not None
        self._transport.write(message)

    def _route(self, request_type: type[Request], newest: int) -> PeerRoute:
        """Raises NoCommonVersion."""
        if self.versions is None:
            return PeerRoute(request_type, newest, self._client_id)
        schema = request_type.__schema__
        assert schema.api is not None
        version = self.versions.common(schema.api, schema.versions[0], newest)
        route = self._routes[request_type, newest] = PeerRoute(request_type, version, self._client_id)
        return route

    # --- who waits too long ----------------------------------------------------------------------------------------

    def _look_at(self, when_s: float) -> None:
        if self._watch is not None:
            self._watch.cancel()
        self._watch = self._loop.call_at(when_s, self._look)

    def _look(self) -> None:
        self._watch = None
        now_s = self._loop.time()
        awaited = [each for each in self._in_flight if each.is_awaited and each.timeout_ms != NO_TIMEOUT]
        for each in awaited:
            if each.deadline_s <= now_s:
                self.abort(f"no answer within {each.timeout_ms:.0f} ms")
                return
        if awaited:
            self._look_at(min(each.deadline_s for each in awaited))

    # --- the transport calls these -------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        try:
            for body in self._frames.feed(data):
                self._answered(body)
        except ProtocolError as error:
            self.abort(f"what came back is not an answer: {error}")

    def _answered(self, body: memoryview) -> None:
        if not self._in_flight:
            raise ProtocolError("an answer that nobody asked for")
        expected = self._in_flight.popleft()
        future = expected.future
        try:
            route = expected.route
            correlation_id, position = decode_response_header(body, route.key, route.version)
            if correlation_id != expected.correlation_id:
                raise ProtocolError(f"answer {correlation_id} came to request {expected.correlation_id}")
            if expected.response_type is None or future is None or future.done():
                return
            response, _ = decoder(expected.response_type, route.version)(body, position)
        except ProtocolError as error:
            if future is not None and not future.done():
                future.set_exception(PeerUnreachable(str(error)))
            raise
        future.set_result(response)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self._watch is not None:
            self._watch.cancel()
        if error is not None:
            self._reason = str(error)
        in_flight, self._in_flight = self._in_flight, deque()
        for expected in in_flight:
            if expected.future is not None and not expected.future.done():
                expected.future.set_exception(PeerUnreachable(self._reason))
        self.ended.set_result(None)
        self._on_ended(self)


@dataclass(slots=True)
class _Expected:
    """An answer that is still to come; nobody waits for it where `future` is None or done."""

    correlation_id: int
    route: PeerRoute
    response_type: type[Response] | None
    future: asyncio.Future[Response] | None
    timeout_ms: float
    deadline_s: float

    @property
    def is_awaited(self) -> bool:
        return self.future is not None and not self.future.done()
