"""Who waits until an offset is passed: a queue in offset order, resumed from the front."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from protocol.errors import ErrorCode

Waiter = Callable[[ErrorCode], None]


class OffsetWaiters:
    """`progress` never goes back. A waiter runs once: with NONE when it is passed, or with the error that ended it."""

    __slots__ = ("_queue", "progress")

    def __init__(self, progress: int) -> None:
        self.progress = progress
        self._queue: deque[tuple[int, Waiter]] = deque()

    def wait_for(self, end_offset: int, waiter: Waiter) -> None:
        """Run `waiter` as soon as everything below `end_offset` is passed: at once, if it is already."""
        if end_offset <= self.progress:
            waiter(ErrorCode.NONE)
            return
        queue = self._queue
        if queue and queue[-1][0] > end_offset:
            # A retried batch waits for an earlier offset than its neighbours. It may as well wait with the last of
            # them: the queue stays in order, and what was promised then holds all the more.
            end_offset = queue[-1][0]
        queue.append((end_offset, waiter))

    def advance(self, end_offset: int) -> bool:
        """Move on to `end_offset` (exclusive) and resume whom it passes; False if that is no progress."""
        if end_offset <= self.progress:
            return False
        self.progress = end_offset
        queue = self._queue
        while queue and queue[0][0] <= end_offset:
            queue.popleft()[1](ErrorCode.NONE)
        return True

    def fail(self, error: ErrorCode) -> None:
        """Tell everyone who waits that it will not happen here."""
        queue, self._queue = self._queue, deque()
        for _, waiter in queue:
            waiter(error)

    def __len__(self) -> int:
        return len(self._queue)
