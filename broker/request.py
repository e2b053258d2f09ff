"""Who asks, what, and the answer that is still owed: the part of a request that is not its message."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class RequestContext:
    """One request as its handler sees it. `listener_name` is the listener it arrived on, by its configured name."""

    api_key: int
    api_version: int
    correlation_id: int
    client_id: str
    client_host: str
    listener_name: str
    principal: str = "User:ANONYMOUS"


class CloseConnection(Exception):
    """Raised, or resolved with, by a handler whose only honest answer is to hang up (a failed acks=0 produce, say)."""


class Deferred:
    """An answer that comes later, without a future, a task or a turn of the loop: the produce path makes one a request.

    A handler returns it; whoever completes the work calls `resolve` once, on the loop's thread.
    """

    __slots__ = ("_deliver", "_response", "resolved")

    def __init__(self) -> None:
        self._deliver: Callable[[object], None] | None = None
        self._response: object = None
        self.resolved = False

    def resolve(self, response: object) -> None:
        """Deliver `response`: a message, None where the client expects no answer (acks=0), or a CloseConnection."""
        assert not self.resolved, "an answer was given twice"
        self.resolved = True
        deliver, self._deliver = self._deliver, None
        if deliver is None:
            self._response = response
        else:
            # Whoever hears it holds this: were they held by it, too, the collector of garbage would have to find both,
            # and its look at 50,000 objects (two seconds of small fetches) stops the loop for 20 ms.
            deliver(response)

    def abandon(self) -> None:
        """The client is gone: a Deferred that only waits lets go of what it holds and resolves with None."""

    def request_behind(self) -> None:
        """The client's next request waits for this answer. A wait that is shorter for it ends; most are not."""

    def node_stops(self) -> None:
        """Nobody is to wait for news of a node that stops: a wait for them ends; one for work under way does not."""

    def deliver_to(self, deliver: Callable[[object], None]) -> None:
        if self.resolved:
            deliver(self._response)
        else:
            self._deliver = deliver
