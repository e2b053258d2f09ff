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
from collections.abc import Callable
from typing import TypeVar, cast

from broker.network.peer_link import PeerLink, PeerUnreachable
from broker.network.peer_versions import ASKED_IN_VERSION, NoCommonVersion, PeerVersions, question
from protocol import Request, Response
from protocol.errors import ErrorCode
from protocol.messages.api_versions import ApiVersionsResponse

BACKOFF_S_MIN = 0.02
BACKOFF_S_MAX = 0.5
# A host that drops packets answers nothing at all; one on the same network answers in a millisecond.
CONNECT_TIMEOUT_S = 2.0
# A node whose port is open and that is busy is not one that is gone.
QUESTION_TIMEOUT_S = 10.0
# One that hangs up at the question may only have been cut off just then: one that always does is from before it.
QUESTIONS_MAX = 2

Address = tuple[str, int]
R = TypeVar("R", bound=Response)


def who(address: Address) -> str:
    return f"{address[0]}:{address[1]}"


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
        self._link: PeerLink | None = None
        self._connecting: asyncio.Task[PeerLink] | None = None
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
        return cast(R, await link.send(request, response_type, version, timeout_ms))

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

    async def _connected(self) -> PeerLink:
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

    def _connect_ended(self, task: asyncio.Task[PeerLink]) -> None:
        self._connecting = None
        if not task.cancelled():
            task.exception()  # whoever waited has it; where nobody did, it is not worth a line of log

    async def _connect(self) -> PeerLink:
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

    async def _open(self, address: Address) -> PeerLink:
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                _, link = await self._loop.create_connection(
                    lambda: PeerLink(self._client_id, self._loop, self._link_ended), *address
                )
        except TimeoutError:
            raise self._failed(f"{who(address)} does not answer") from None
        except OSError as error:
            raise self._failed(f"{who(address)}: {error.strerror or error}") from None
        return link

    async def _ask_versions(self, link: PeerLink, address: Address) -> PeerVersions | None:
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

    def _refused(self, link: PeerLink, reason: str) -> PeerUnreachable:
        link.abort(reason)
        return self._failed(reason)

    def _failed(self, reason: str) -> PeerUnreachable:
        self._failures += 1
        longest_s = min(BACKOFF_S_MIN * 2 ** min(self._failures, 10), BACKOFF_S_MAX)
        self._not_before_s = self._loop.time() + longest_s * (0.5 + self._chance() / 2)
        return PeerUnreachable(reason)

    def _link_ended(self, link: PeerLink) -> None:
        if self._link is link:
            self._link = None
            if not self._closed:
                self._on_closed()
