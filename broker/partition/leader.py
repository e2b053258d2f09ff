"""The leader's part of a partition: appends, who waits for them, and the high watermark."""

from __future__ import annotations

from collections import deque

from broker.log import PartitionLog
from broker.partition.offset_waiters import OffsetWaiters
from protocol.errors import ErrorCode


class LeaderRole:
    """One term of leadership, at one leader epoch.

    `durable.progress` is the end of what this replica has made durable; `committed.progress` is the high watermark:
    the minimum over the in-sync replicas, which never goes back.
    """

    def __init__(self, log: PartitionLog, leader_epoch: int, *, high_watermark: int) -> None:
        self.leader_epoch = leader_epoch
        self.durable = OffsetWaiters(log.log_end_offset)
        self.committed = OffsetWaiters(high_watermark)
        # Bytes below the high watermark since this role began: fetches that wait for min_bytes compare two readings.
        self.committed_bytes = 0
        self._uncommitted_sizes: deque[tuple[int, int]] = deque()
        log.leader_epochs.assign(leader_epoch, log.log_end_offset)

    def appended(self, end_offset: int, size_bytes: int) -> None:
        self._uncommitted_sizes.append((end_offset, size_bytes))

    def became_durable(self, end_offset: int) -> bool:
        """The group commit passed `end_offset`. True if the high watermark moved."""
        self.durable.advance(end_offset)
        return self._advance_high_watermark(end_offset)

    def _advance_high_watermark(self, end_offset: int) -> bool:
        sizes = self._uncommitted_sizes
        while sizes and sizes[0][0] <= end_offset:
            self.committed_bytes += sizes.popleft()[1]
        return self.committed.advance(end_offset)

    def fail_waiters(self, error: ErrorCode) -> None:
        """Nothing that still waits will be promised by this term: it is over, or the disk refused."""
        self._uncommitted_sizes.clear()
        self.durable.fail(error)
        self.committed.fail(error)
