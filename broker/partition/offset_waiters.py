"""Who waits until an offset is passed: a queue in offset order, resumed from the front."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from protocol.errors import ErrorCode

Waiter = Callable[[ErrorCode], None]

NO_DEADLINE = 2**63 - 1


class OffsetWaiters:
    """`progress` never goes back. A waiter runs once: with NONE when it is passed, or with the error that ended it."""

    __slots__ = ("_queue", "progress")

    def __init__(self, progress: int) -> None:
        self.progress = progress
        self._queue: deque[tuple[int, Waiter, int]] = deque()

    def wait_for(self, end_offset: int, waiter: Waiter, deadline_ms: int = NO_DEADLINE) -> None:
        """Run `waiter` as soon as everything below `end_offset` is passed: at once, if it is already. `expire` ends
        the wait after `deadline_ms` (monotonic)."""
        if end_offset <= self.progress:
            waiter(ErrorCode.NONE)
            return
        queue = self._queue
        if queue and queue[-1][0] > end_offset:
            # A retried batch waits for an earlier offset than its neighbours. It may as well wait with the last of
            # them: the queue stays in order, and what was promised then holds all the more.
            end_offset = queue[-1][0]
        queue.append((end_offset, waiter, deadline_ms))

    def advance(self, end_offset: int) -> bool:
        """Move on to `end_offset` (exclusive) and resume whom it passes; False if that is no progress."""
        if end_offset <= self.progress:
            return False
        self.progress = end_offset
        queue = self._queue
        while queue and queue[0][0] <= end_offset:
            queue.popleft()[1](ErrorCode.NONE)
        return True

    def expire(self, now_ms: int) -> None:
        """Whose deadline is over hears REQUEST_TIMED_OUT: the records are appended, and may be committed yet."""
        if not any(deadline_ms <= now_ms for _, _, deadline_ms in self._queue):
            return
        queue, self._queue = self._queue, deque()
        expired: list[Waiter] = []
        for entry in queue:
            if entry[2] <= now_ms:
                expired.append(entry[1])
            else:
                self._queue.append(entry)
        for waiter in expired:
            waiter(ErrorCode.REQUEST_TIMED_OUT)

    def fail(self, error: ErrorCode) -> None:
        """Tell everyone who waits that it will not happen here."""
        queue, self._queue = self._queue, deque()
        for _, waiter, _ in queue:
            waiter(error)

    def __len__(self) -> int:
        return len(self._queue)
