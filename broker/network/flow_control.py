"""How many bytes of requests this process holds at once, over all connections: whole requests and halves alike.

A connection takes bytes as they arrive and gives them back when the request is answered. At the limit every connection
is paused; when half of the limit is free again, all of them go on. Halves of requests cannot free anything, so one
connection at a time is let through to the end of the request it is in the middle of, which may not take it long.
"""

from __future__ import annotations

from typing import Protocol

# Half a gibibyte of requests under way: far more than a disk commits in a second, far less than a node has memory.
REQUEST_BYTES_MAX = 512 * 1024 * 1024
# How far above the limit those that were let through may bring it together before the next has to wait for an answer.
OVERDRAFT_BYTES_MAX = 128 * 1024 * 1024
# How long the rest of a request may take whose connection was let through; every other one waits for it.
ADMISSION_TIMEOUT_S = 30.0


class Pausable(Protocol):
    @property
    def is_within_a_frame(self) -> bool:
        """The beginning of a request has arrived, and its end has not."""
        ...

    def look_for_room(self) -> None:
        """There is room again, or none any more: ask `may_read`."""
        ...

    def let_through(self) -> None:
        """This connection alone may read, to the end of its frame. It has `ADMISSION_TIMEOUT_S`."""
        ...


class RequestBytes:
    def __init__(self, bytes_max: int = REQUEST_BYTES_MAX, *, overdraft_bytes_max: int = OVERDRAFT_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._overdrawn_bytes_max = bytes_max + overdraft_bytes_max
        self._connections: dict[Pausable, None] = {}
        self._waiting: dict[Pausable, None] = {}  # an ordered set: who came first is let through first
        self._told_that_full = False
        self.let_through: Pausable | None = None
        self.held_bytes = 0

    @property
    def is_full(self) -> bool:
        return self.held_bytes >= self._bytes_max

    def has_room(self, size_bytes: int) -> bool:
        """Whether so much more may be taken, and nobody waits."""
        return not self._told_that_full and self.held_bytes + size_bytes < self._bytes_max

    def join(self, connection: Pausable) -> None:
        self._connections[connection] = None

    def leave(self, connection: Pausable) -> None:
        self._connections.pop(connection, None)
        self._waiting.pop(connection, None)
        self.passed(connection)

    def take(self, size_bytes: int) -> None:
        self.held_bytes += size_bytes
        if self.held_bytes >= self._bytes_max and not self._told_that_full:
            self._told_that_full = True
            # Each of thousands would read one more piece before it asked.
            for connection in list(self._connections):
                connection.look_for_room()

    def give_back(self, size_bytes: int) -> None:
        self.held_bytes -= size_bytes
        assert self.held_bytes >= 0, "bytes were given back twice"
        if not self._told_that_full:
            return
        if self.held_bytes <= self._bytes_max // 2:
            self._told_that_full = False
            self.let_through = None
            waiting, self._waiting = self._waiting, {}
            for connection in waiting:
                connection.look_for_room()
        else:
            self._let_next_through()

    def may_read(self, connection: Pausable) -> bool:
        """False: it is called again when it may."""
        if not self.is_full:
            return True
        if self.let_through is not connection:
            self._waiting[connection] = None
            self._let_next_through()
        return self.let_through is connection and connection.is_within_a_frame

    def passed(self, connection: Pausable) -> None:
        """Its frame is whole, or it is gone: the next is let through."""
        if self.let_through is connection:
            self.let_through = None
            self._let_next_through()

    def _let_next_through(self) -> None:
        if self.let_through is not None or not self._told_that_full or self.held_bytes >= self._overdrawn_bytes_max:
            return
        for connection in self._waiting:
            if connection.is_within_a_frame:
                self.let_through = connection
                del self._waiting[connection]
                connection.let_through()
                return
