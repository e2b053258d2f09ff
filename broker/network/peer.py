"""A connection to another node: requests out in order, answers back by correlation id, again after it broke.

One `PeerConnection` is one ordered stream: answers come in the order of the requests, so a request that is not
answered in time takes the connection with it, and everything under way fails with `PeerUnreachable`. The next request
connects again; after a failure, not before a back-off that grows to `BACKOFF_S_MAX` and is spread by chance.

A connection begins with the question what the other side speaks (`peer_versions`): requests go out in the newest
version that both know.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, cast

from broker.network.peer_versions import ASKED_IN_VERSION, NoCommonVersion, PeerVersions, question
from protocol import Request, Response, decoder, encoder
from protocol.errors import ErrorCode, ProtocolError
from protocol.framing import FrameSplitter, frame
from protocol.headers import RequestHeader, decode_response_header, encode_request_header
from protocol.messages.api_versions import ApiVersionsResponse

BACKOFF_S_MIN = 0.02
BACKOFF_S_MAX = 0.5
# A host that drops packets answers nothing at all; one on the same network answers in a millisecond.
CONNECT_TIMEOUT_S = 2.0
# A node whose port is open and that is busy is not one that is gone.
QUESTION_TIMEOUT_S = 10.0
# One that hangs up at the question may only have been cut off just then: one that always does is from before it.
QUESTIONS_MAX = 2
FRAME_BYTES_MAX = 256 * 1024 * 1024
IN_FLIGHT_MAX = 10_000
# What the other side has not read yet: above it one-way messages are dropped.
UNSENT_BYTES_MAX = 64 * 1024 * 1024

Address = tuple[str, int]
R = TypeVar("R", bound=Response)


def who(address: Address) -> str:
    return f"{address[0]}:{address[1]}"


class PeerUnreachable(Exception):
    """No answer: no address, no connection, or the connection ended first. The request may have been carried out."""


class PeerConnection:
    """`address` is asked at every attempt to connect. `on_closed` is told when an open connection ended, unless by us.

    Used on the loop's thread only.
    """

    def __init__(
        self,
        address: Callable[[], Address | None],
        *,
        client_id: str,
        loop: asyncio.AbstractEventLoop,
        on_closed: Callable[[], None] = lambda: None,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        question_timeout_s: float = QUESTION_TIMEOUT_S,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._address = address
        self._client_id = client_id
        self._loop = loop
        self._on_closed = on_closed
        self._connect_timeout_s = connect_timeout_s
        self._question_timeout_s = question_timeout_s
        self._chance = chance
        self._link: _Link | None = None
        self._connecting: asyncio.Task[_Link] | None = None
        self._failures = 0
        self._not_before_s = 0.0
        self._closed = False

    @property
    def is_connected(self) -> bool:
        return self._link is not None

    @property
    def versions(self) -> PeerVersions | None:
        """What the other side speaks; None while there is no connection."""
        return None if self._link is None else self._link.versions

    async def connect(self) -> None:
        """Return with an open connection, or raise PeerUnreachable. Waits out the back-off of earlier failures."""
        if self._link is None:
            await self._connected()

    async def send(self, request: Request, response_type: type[R], *, version: int, timeout_ms: float) -> R:
        """The answer to `request`, sent in `version` or the newest older one that both sides know.

        Raises PeerUnreachable, also after `timeout_ms`, which counts from the sending."""
        link = self._link or await self._connected()
        future = link.send(request, response_type, version)
        timer = self._loop.call_later(timeout_ms / 1000, link.abort, f"no answer within {timeout_ms:.0f} ms")
        try:
            return cast(R, await future)
        finally:
            timer.cancel()

    def post(self, request: Request, *, version: int) -> bool:
        """Send without waiting for the answer, over an open connection; False where it could not be sent."""
        link = self._link
        if link is None or link.is_congested:
            return False
        try:
            link.post(request, version)
        except NoCommonVersion:
            return False
        return True

    def close(self) -> None:
        """For good: what is under way fails, and `on_closed` is not told."""
        self._closed = True
        if self._connecting is not None:
            self._connecting.cancel()
        if self._link is not None:
            self._link.abort("closed here")

    async def wait_closed(self) -> None:
        """Until the open connection ends; at once where there is none."""
        if self._link is not None:
            await asyncio.shield(self._link.ended)

    # --- connecting ----------------------------------------------------------------------------------------------

    async def _connected(self) -> _Link:
        if self._closed:
            raise PeerUnreachable("the connection is closed")
        if self._connecting is None:
            self._connecting = self._loop.create_task(self._connect(), name=f"connect-{self._client_id}")
            self._connecting.add_done_callback(self._connect_ended)
        connecting, waiting = self._connecting, asyncio.current_task()
        try:
            return await asyncio.shield(connecting)
        except asyncio.CancelledError:
            if connecting.cancelled() and not (waiting is not None and waiting.cancelling()):
                raise PeerUnreachable("the connection is closed") from None
            raise

    def _connect_ended(self, task: asyncio.Task[_Link]) -> None:
        self._connecting = None
        if not task.cancelled():
            task.exception()  # whoever waited has it; where nobody did, it is not worth a line of log

    async def _connect(self) -> _Link:
        wait_s = self._not_before_s - self._loop.time()
        if wait_s > 0:
            await asyncio.sleep(wait_s)  # the back-off itself
        address = self._address()
        if address is None:
            raise self._failed("its address is not known")
        for _ in range(QUESTIONS_MAX):
            link = await self._open(address)
            try:
                link.versions = await self._ask_versions(link, address)
            except asyncio.CancelledError:
                link.abort("closed here")
                raise
            if link.versions is not None:
                break
        else:
            link = await self._open(address)
            link.versions = PeerVersions.before(who(address))
        self._failures = 0
        if link.ended.done():
            raise self._failed(f"{who(address)} closed the connection at once")
        self._link = link
        return link

    async def _open(self, address: Address) -> _Link:
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                _, link = await self._loop.create_connection(
                    lambda: _Link(self._client_id, self._loop, self._link_ended), *address
                )
        except TimeoutError:
            raise self._failed(f"{who(address)} does not answer") from None
        except OSError as error:
            raise self._failed(f"{who(address)}: {error.strerror or error}") from None
        return link

    async def _ask_versions(self, link: _Link, address: Address) -> PeerVersions | None:
        """None where it hangs up at the question: a node from before there was one, or one that ends."""
        if link.ended.done():
            return None
        try:
            async with asyncio.timeout(self._question_timeout_s):
                asked = link.send(question(), ApiVersionsResponse, ASKED_IN_VERSION)
                response = cast(ApiVersionsResponse, await asked)
        except TimeoutError:
            raise self._refused(link, f"{who(address)} does not say what it speaks") from None
        except PeerUnreachable:
            return None
        if response.error_code:
            code = ErrorCode(response.error_code).name
            raise self._refused(link, f"{who(address)} answers ApiVersions with {code}")
        return PeerVersions.answered(who(address), response)

    def _refused(self, link: _Link, reason: str) -> PeerUnreachable:
        link.abort(reason)
        return self._failed(reason)

    def _failed(self, reason: str) -> PeerUnreachable:
        self._failures += 1
        longest_s = min(BACKOFF_S_MIN * 2 ** min(self._failures, 10), BACKOFF_S_MAX)
        self._not_before_s = self._loop.time() + longest_s * (0.5 + self._chance() / 2)
        return PeerUnreachable(reason)

    def _link_ended(self, link: _Link) -> None:
        if self._link is link:
            self._link = None
            if not self._closed:
                self._on_closed()


@dataclass(slots=True)
class _Expected:
    """An answer that is still to come; nobody waits for it where `future` is None."""

    correlation_id: int
    key: int
    version: int
    response_type: type[Response] | None
    future: asyncio.Future[Response] | None


class _Link(asyncio.Protocol):
    """One open connection, from its first byte to its end."""

    def __init__(self, client_id: str, loop: asyncio.AbstractEventLoop, on_ended: Callable[[_Link], None]) -> None:
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

    @property
    def is_congested(self) -> bool:
        transport = self._transport
        return (
            transport is None
            or len(self._in_flight) >= IN_FLIGHT_MAX
            or transport.get_write_buffer_size() > UNSENT_BYTES_MAX
        )

    def send(self, request: Request, response_type: type[Response], version: int) -> asyncio.Future[Response]:
        if self.is_congested:
            raise PeerUnreachable("too much is under way already" if self._transport else self._reason)
        future: asyncio.Future[Response] = self._loop.create_future()
        try:
            self._write(request, version, response_type, future)
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
    ) -> None:
        key = request.__schema__.api
        assert key is not None and self._transport is not None
        if self.versions is not None:
            version = self.versions.common(key, request.__schema__.versions[0], version)
        self._correlation_id = self._correlation_id + 1 & 0x7FFF_FFFF
        self._in_flight.append(_Expected(self._correlation_id, key, version, response_type, future))
        body = bytearray()
        encoder(type(request), version)(request, body)
        header = encode_request_header(RequestHeader(key, version, self._correlation_id, self._client_id))
        self._transport.write(frame(header, body))

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
            correlation_id, position = decode_response_header(body, expected.key, expected.version)
            if correlation_id != expected.correlation_id:
                raise ProtocolError(f"answer {correlation_id} came to request {expected.correlation_id}")
            if expected.response_type is None or future is None or future.done():
                return
            response, _ = decoder(expected.response_type, expected.version)(body, position)
        except ProtocolError as error:
            if future is not None and not future.done():
                future.set_exception(PeerUnreachable(str(error)))
            raise
        future.set_result(response)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if error is not None:
            self._reason = str(error)
        in_flight, self._in_flight = self._in_flight, deque()
        for expected in in_flight:
            if expected.future is not None and not expected.future.done():
                expected.future.set_exception(PeerUnreachable(self._reason))
        self.ended.set_result(None)
        self._on_ended(self)
