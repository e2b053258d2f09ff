"""Reads what a fetch asks for, or waits until there is enough: woken by appends and one deadline, never by polling."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from broker.fetching.divergence import diverging_epoch
from broker.fetching.sessions import FetchTarget
from broker.log import NEVER_STORED
from broker.partition import IsolationLevel, Partition, ReadableReplica
from broker.request import Deferred
from protocol.encoding import DETACHED_BYTES_MIN
from protocol.errors import ErrorCode, KafkaError
from protocol.messages.fetch import AbortedTransaction, PartitionData
from protocol.records import convert_down
from wal import StorageError

logger = logging.getLogger(__name__)

# Fetch v0–1 understand message sets of magic 0, v2–3 of magic 1, later ones record batches.
_MAGIC_BY_VERSION = (0, 0, 1, 1)
RECORD_BATCH_MIN_VERSION = 4
# What one fetched range may unpack to when an old client needs it in an old format.
DECOMPRESSED_BYTES_MAX = 256 * 1024 * 1024
# Shorter records are read and sent from memory for less than finding their end and three calls to send them cost.
STORED_BYTES_MIN = 512 * 1024
assert STORED_BYTES_MIN >= DETACHED_BYTES_MIN, "the encoder leaves only long records to the connection"
# From this version on, a batch larger than the limit is sent all the same, so that the consumer gets past it (KIP-74).
AT_LEAST_ONE_BATCH_MIN_VERSION = 3

# KIP-392: from this version on a consumer may read from a follower, and be sent to one.
FOLLOWER_READS_MIN_VERSION = 11

FindPartition = Callable[[FetchTarget], Partition]
# (partition, fetch offset) -> the replica to read from instead; -1 for none.
ChooseReplica = Callable[[Partition, int], int]


@dataclass(slots=True)
class FetchLimits:
    """Of one request, after the broker's own limits were applied."""

    version: int
    isolation: IsolationLevel
    min_bytes: int
    max_bytes: int
    max_wait_ms: int


class Collector:
    """One fetch: `read` is one pass over its partitions."""

    def __init__(
        self,
        targets: list[FetchTarget],
        limits: FetchLimits,
        find: FindPartition,
        choose_replica: ChooseReplica | None = None,
    ) -> None:
        self.targets = targets
        self.limits = limits
        self._find = find
        self._choose_replica = choose_replica

    def read(self) -> tuple[list[PartitionData], bool]:
        """What is there now, a PartitionData a target, and whether it may be sent without waiting."""
        limits = self.limits
        remaining = limits.max_bytes
        total = 0
        must_answer = limits.max_wait_ms <= 0 or not self.targets
        found: list[PartitionData] = []
        for target in self.targets:
            may_exceed = limits.version >= AT_LEAST_ONE_BATCH_MIN_VERSION
            data = self._read_one(target, remaining, total == 0 if may_exceed else remaining > 0)
            if not may_exceed and data.records:
                # A cut message tells an old consumer that it must ask for more; an empty answer would tell nothing.
                data.records = data.records[: max(0, min(remaining, target.request.partition_max_bytes))]
            size = len(data.records) if data.records else 0
            total += size
            remaining = max(0, remaining - size)
            must_answer = must_answer or _ends_wait(data)
            found.append(data)
        return found, must_answer or total >= limits.min_bytes

    def _read_one(self, target: FetchTarget, remaining: int, at_least_one_batch: bool) -> PartitionData:
        request = target.request
        data = PartitionData(partition_index=request.partition, high_watermark=-1, records=b"")
        if self.limits.isolation is IsolationLevel.READ_UNCOMMITTED:
            data.aborted_transactions = None
        try:
            partition = self._find(target)
            self._check(partition, request.current_leader_epoch)
            if self._choose_replica is not None:
                data.preferred_read_replica = self._choose_replica(partition, request.fetch_offset)
                if data.preferred_read_replica >= 0:
                    remaining, at_least_one_batch = 0, False
            data.diverging_epoch = diverging_epoch(partition, request.last_fetched_epoch, request.fetch_offset)
            if data.diverging_epoch.epoch != -1:
                remaining, at_least_one_batch = 0, False
            read = partition.read(
                request.fetch_offset,
                max_bytes=min(remaining, request.partition_max_bytes),
                isolation=self.limits.isolation,
                at_least_one_batch=at_least_one_batch,
                # An old format has to be made of them; any other answer is encoded without a look at its records.
                stored_bytes_min=STORED_BYTES_MIN if self.limits.version >= RECORD_BATCH_MIN_VERSION else NEVER_STORED,
            )
            data.high_watermark = read.high_watermark
            data.last_stable_offset = read.last_stable_offset
            data.log_start_offset = read.log_start_offset
            stored = read.records.stored
            if stored is not None:
                # The encoder leaves long records to the connection, which knows what a stored slice is.
                data.records = cast("memoryview", stored)
            else:
                data.records = self._in_asked_format(read.records.records, request.fetch_offset)
            if self.limits.isolation is IsolationLevel.READ_COMMITTED:
                data.aborted_transactions = [
                    AbortedTransaction(producer_id=aborted.producer_id, first_offset=aborted.first_offset)
                    for aborted in partition.log.aborted_transactions(request.fetch_offset, read.records.end_offset)
                ]
        except KafkaError as error:
            data.error_code = error.code
            data.records = b""
        except StorageError as error:
            # Here and not further out: a fetch that was waiting reads where nobody could answer for it.
            logger.error("cannot read what a fetch of partition %d asks for: %s", request.partition, error)
            data.error_code = ErrorCode.KAFKA_STORAGE_ERROR
            data.records = b""
        return data

    def _check(self, partition: Partition, current_leader_epoch: int) -> None:
        may_follow = self.limits.version >= FOLLOWER_READS_MIN_VERSION
        error = (partition.check_replica if may_follow else partition.check_leader)(current_leader_epoch)
        if error is not ErrorCode.NONE:
            raise KafkaError(error)

    def _in_asked_format(self, records: bytes | memoryview, first_offset: int) -> bytes | memoryview:
        if self.limits.version >= RECORD_BATCH_MIN_VERSION or not records:
            return records
        return convert_down(
            records,
            _MAGIC_BY_VERSION[self.limits.version],
            decompressed_bytes_max=DECOMPRESSED_BYTES_MAX,
            first_offset=first_offset,
        )


def _ends_wait(data: PartitionData) -> bool:
    """Whether it says something that the client must hear at once."""
    return data.error_code != ErrorCode.NONE or data.diverging_epoch.epoch != -1 or data.preferred_read_replica >= 0


class FetchWait(Deferred):
    """A fetch that found too little: it ends when enough was committed, when a partition changes, or in time."""

    __slots__ = ("_answer", "_baselines", "_collected_bytes", "_min_bytes", "_timer")

    def __init__(
        self,
        partitions: list[Partition],
        *,
        available_bytes: int,
        min_bytes: int,
        max_wait_ms: int,
        answer: Callable[[], object],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__()
        self._answer = answer
        self._min_bytes = min_bytes
        self._collected_bytes = available_bytes
        self._baselines: dict[ReadableReplica, int] = {partition: partition.committed_bytes for partition in partitions}
        for partition in partitions:
            partition.follow_progress(self._on_progress)
        self._timer = loop.call_later(max_wait_ms / 1000, self._end)

    def _on_progress(self, partition: ReadableReplica) -> None:
        committed_bytes = partition.committed_bytes
        self._collected_bytes += committed_bytes - self._baselines[partition]
        self._baselines[partition] = committed_bytes
        if self._collected_bytes >= self._min_bytes or not partition.has_role:
            self._end()

    def _end(self) -> None:
        if not self.resolved:
            self._wait_no_more()
            self.resolve(self._answer())

    def node_stops(self) -> None:
        self._end()

    def abandon(self) -> None:
        """The client is gone. Nothing is read for it, but its place in the connection's order becomes free."""
        if not self.resolved:
            self._wait_no_more()
            self.resolve(None)

    def _wait_no_more(self) -> None:
        self._timer.cancel()
        for partition in self._baselines:
            partition.unfollow_progress(self._on_progress)
        self._baselines = {}
