"""How many bytes of a partition were committed: fetches that wait for min_bytes compare two readings."""

from __future__ import annotations

from collections import deque


class CommittedBytes:
    """`count` grows with the high watermark; only differences of two readings mean something.

    Kept by the write, not by the batch: a high watermark inside of a write counts for its share of the records."""

    __slots__ = ("_uncommitted", "count")

    def __init__(self) -> None:
        self.count = 0
        # (start offset, end offset, bytes) of each write that is not committed as a whole.
        self._uncommitted: deque[tuple[int, int, int]] = deque()

    def written(self, start_offset: int, end_offset: int, size_bytes: int) -> None:
        self._uncommitted.append((start_offset, end_offset, size_bytes))

    def committed(self, end_offset: int) -> None:
        uncommitted = self._uncommitted
        while uncommitted and uncommitted[0][1] <= end_offset:
            self.count += uncommitted.popleft()[2]
        if uncommitted and uncommitted[0][0] < end_offset:
            start, end, size_bytes = uncommitted[0]
            share = max(1, size_bytes * (end_offset - start) // (end - start))
            uncommitted[0] = end_offset, end, size_bytes - share
            self.count += share

    def forget(self) -> None:
        """What was not committed is gone, or counted by nobody any more."""
        self._uncommitted.clear()
