"""How many bytes of a partition were committed: fetches that wait for min_bytes compare two readings."""

from __future__ import annotations

from collections import deque


class CommittedBytes:
    """`count` grows with the high watermark; only differences of two readings mean something."""

    __slots__ = ("_uncommitted", "count")

    def __init__(self) -> None:
        self.count = 0
        self._uncommitted: deque[tuple[int, int]] = deque()

    def appended(self, end_offset: int, size_bytes: int) -> None:
        self._uncommitted.append((end_offset, size_bytes))

    def committed(self, end_offset: int) -> None:
        uncommitted = self._uncommitted
        while uncommitted and uncommitted[0][0] <= end_offset:
            self.count += uncommitted.popleft()[1]

    def forget(self) -> None:
        """What was not committed is gone, or counted by nobody any more."""
        self._uncommitted.clear()
