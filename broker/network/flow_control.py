"""How many bytes of requests this process holds at once, over all connections.

A connection takes a request's bytes when the request begins and gives them back when its answer is sent. Above the
limit, a connection that would read more is paused; when half of the limit is free again, all of them go on.
"""

from __future__ import annotations

from typing import Protocol

# Half a gibibyte of requests under way: far more than a disk commits in a second, far less than a node has memory.
REQUEST_BYTES_MAX = 512 * 1024 * 1024


class Pausable(Protocol):
    def go_on(self) -> None:
        """There is room again."""
        ...


class RequestBytes:
    def __init__(self, bytes_max: int = REQUEST_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._paused: dict[Pausable, None] = {}
        self.held_bytes = 0

    @property
    def is_full(self) -> bool:
        return self.held_bytes >= self._bytes_max

    def take(self, size_bytes: int) -> None:
        self.held_bytes += size_bytes

    def give_back(self, size_bytes: int) -> None:
        self.held_bytes -= size_bytes
        assert self.held_bytes >= 0, "bytes were given back twice"
        if self._paused and self.held_bytes <= self._bytes_max // 2:
            paused, self._paused = self._paused, {}
            for connection in paused:
                connection.go_on()

    def wait_for_room(self, connection: Pausable) -> None:
        self._paused[connection] = None

    def forget(self, connection: Pausable) -> None:
        self._paused.pop(connection, None)
