"""A log as its readers see it: what it consists of, reads, searches by time, producers and transactions.

Nothing here changes the log; `partition_log` does.
"""

from __future__ import annotations

import logging
import threading
from bisect import bisect_right
from collections.abc import Callable
from typing import TYPE_CHECKING

from broker.log import leader_epochs as epochs_file
from broker.log import reading, time_search, truncation
from broker.log.disk import Buffer, Disk
from broker.log.leader_epochs import LeaderEpochs, load_leader_epochs, recover_leader_epochs
from broker.log.log_config import LONG_MAX, LogConfig
from broker.log.producer_state import ProducerStates
from broker.log.results import ActiveProducer, ReadResult, TimestampOffset
from broker.log.segment import RELATIVE_OFFSET_MAX, IndexedBatch, Segment
from broker.log.snapshots import Snapshots
from broker.log.stored_slice import NEVER_STORED
from broker.log.transaction_index import AbortedTransaction
from wal import CorruptionError, StorageError

if TYPE_CHECKING:
    from broker.log.partition_log import PartitionLog

logger = logging.getLogger(__name__)


class ReadableLog:
    """What a log consists of, and what may be asked of it; `PartitionLog` is what changes it."""

    # Slots: with this many attributes an instance's dict would cost the produce path more than anything else in it.
    __slots__ = (
        "_abandoned",
        "_journalled_end_offset",
        "_last_epoch",
        "_leader_epochs",
        "_producer_states",
        "_written",
        "config",
        "created_files",
        "directory",
        "directory_lock",
        "dirty",
        "discarded",
        "disk",
        "failure",
        "is_gone",
        "last_offset_max",
        "log_end_offset",
        "log_start_offset",
        "lower_files",
        "on_dirty",
        "partition",
        "pending",
        "pending_batches",
        "plain_batch_bytes_max",
        "read_positions",
        "recovery_point",
        "roll_timestamp",
        "room_bytes",
        "segments",
        "snapshots",
        "timestamp_after_max_ms",
        "topic",
        "topic_id",
        "written_end_offset",
    )

    def __init__(
        self,
        disk: Disk,
        directory: str,
        *,
        topic: str,
        topic_id: bytes,
        partition: int,
        config: LogConfig,
        segments: list[Segment],
        log_start_offset: int,
        log_end_offset: int,
    ) -> None:
        assert segments, "a log has an active segment"
        self.disk = disk
        self.directory = directory
        self.topic = topic
        self.topic_id = topic_id
        self.partition = partition
        self.config = config
        self.segments = segments
        self.log_start_offset = log_start_offset
        self.log_end_offset = log_end_offset
        self.written_end_offset = log_end_offset
        self.recovery_point = log_end_offset
        self.failure = ""
        # A worker that writes into the directory holds the lock and looks whether the log still has it.
        self.directory_lock = threading.Lock()
        self.is_gone = False
        # Of a new log, or one that a crash left: what must be durable, with its names, before its first write counts.
        self.created_files: list[str] = []
        self.discarded: list[str] = []
        self.snapshots = Snapshots(disk, directory)
        self.read_positions = reading.ReadPositions()
        self.dirty = truncation.DirtyFiles()
        # The manager hears of the first change after a checkpoint, and makes durable what a truncation below the
        # recovery point or the start lowers them to, in this order.
        self.on_dirty: Callable[[PartitionLog], None] | None = None
        self.lower_files: Callable[[PartitionLog, Disk, int, int], None] | None = None
        self._leader_epochs: LeaderEpochs | None = None
        self._producer_states: ProducerStates | None = None
        self._last_epoch = -2  # of the last append as leader; assigning an epoch again changes nothing
        self.pending: list[Buffer] = []
        self.pending_batches: list[IndexedBatch] = []
        self._written: list[Buffer] = []
        self._journalled_end_offset = log_end_offset
        self._abandoned: StorageError | None = None
        self.room_bytes = -1  # of the active segment; negative: not looked at yet
        self.roll_timestamp = LONG_MAX  # a batch younger than this begins a new segment
        self.last_offset_max = segments[-1].base_offset + RELATIVE_OFFSET_MAX
        # What `append_plain` needs of the configs.
        self.plain_batch_bytes_max = config.plain_batch_bytes_max
        self.timestamp_after_max_ms = config.message_timestamp_after_max_ms

    def __repr__(self) -> str:
        return f"{self.topic}-{self.partition}"

    @property
    def active(self) -> Segment:
        return self.segments[-1]

    @property
    def journalled_end_offset(self) -> int:
        """The end of what the journal was given: what a follower may copy, for the log takes none of it back."""
        return self._journalled_end_offset

    @property
    def has_collected(self) -> bool:
        """Something was appended that no `write_out` has seen yet."""
        return self.log_end_offset > self._journalled_end_offset

    @property
    def leader_epochs(self) -> LeaderEpochs:
        if self._leader_epochs is None:
            try:
                self._leader_epochs = load_leader_epochs(self.disk, self.directory)
            except CorruptionError as error:
                logger.warning("%s: %s; its epochs are read from the batches instead", self, error)
                self._leader_epochs = recover_leader_epochs(self.segments)
        return self._leader_epochs

    @leader_epochs.setter
    def leader_epochs(self, epochs: LeaderEpochs) -> None:
        self._leader_epochs = epochs

    @property
    def producer_states(self) -> ProducerStates:
        if self._producer_states is None:
            self._producer_states = self.snapshots.restore(self, self.written_end_offset)
        return self._producer_states

    @producer_states.setter
    def producer_states(self, states: ProducerStates | None) -> None:
        """None: looked up from snapshot and segments when next needed."""
        self._producer_states = states

    # --- reading ---------------------------------------------------------------------------------------------------

    def read(
        self,
        offset: int,
        *,
        max_bytes: int,
        max_offset: int,
        at_least_one_batch: bool = True,
        stored_bytes_min: int = NEVER_STORED,
    ) -> ReadResult:
        """Whole batches from the one that holds `offset` on, all below `max_offset` (exclusive) and what is written.
        From `stored_bytes_min` on they may stay where they are: a stored slice, for who only sends them.

        KafkaError: OFFSET_OUT_OF_RANGE, or KAFKA_STORAGE_ERROR / CORRUPT_MESSAGE where the file is not what it was."""
        return reading.read(self, offset, max_bytes, max_offset, at_least_one_batch, stored_bytes_min)

    def offset_for_timestamp(self, timestamp: int, *, max_offset: int) -> TimestampOffset | None:
        """The first record below `max_offset` that is not older than `timestamp`."""
        return time_search.offset_for_timestamp(self, timestamp, max_offset)

    def offset_of_max_timestamp(self, *, max_offset: int) -> TimestampOffset | None:
        """The first record with the largest timestamp below `max_offset`."""
        return time_search.offset_of_max_timestamp(self, max_offset)

    def segment_index(self, offset: int) -> int:
        """Which segment would hold `offset`: the last one that begins at or before it."""
        segments = self.segments
        if offset >= segments[-1].base_offset:
            return len(segments) - 1
        return max(0, bisect_right(segments, offset, key=_base_offset) - 1)

    def segment_end_offset(self, index: int) -> int:
        """Where segment `index` ends (exclusive), as far as it is written."""
        return self.segments[index + 1].base_offset if index + 1 < len(self.segments) else self.written_end_offset

    def segment_base_offsets(self, *, modified_before_ms: int) -> list[int]:
        """Base offsets of segments whose youngest record is not after `modified_before_ms`; -1 is all of them."""
        return [
            segment.base_offset
            for segment in self.segments
            if modified_before_ms < 0 or segment.max_timestamp <= modified_before_ms
        ]

    @property
    def size_bytes(self) -> int:
        return sum([segment.size_bytes for segment in self.segments])

    # --- producers and transactions ----------------------------------------------------------------------------------

    def producers(self) -> list[ActiveProducer]:
        return [
            ActiveProducer(
                producer_id,
                entry.producer_epoch,
                entry.last_sequence,
                entry.last_timestamp,
                entry.coordinator_epoch,
                entry.transaction_first_offset,
            )
            for producer_id, entry in self.producer_states.entries.items()
        ]

    @property
    def first_unstable_offset(self) -> int | None:
        """First offset of the oldest open transaction. See `last_stable_offset` for what read_committed may see."""
        return self.producer_states.first_ongoing_offset

    def last_stable_offset(self, high_watermark: int) -> int:
        """KIP-98: the end of what is decided, counting a marker only once it is below the high watermark."""
        unstable = self.producer_states.first_unstable_offset(high_watermark)
        return high_watermark if unstable is None else min(unstable, high_watermark)

    def aborted_transactions(self, start_offset: int, end_offset: int) -> list[AbortedTransaction]:
        """Those with records in [start_offset, end_offset), for a read_committed consumer to leave out."""
        return reading.aborted_transactions(self, start_offset, end_offset)

    def expire_producers(self, now_ms: int, expiration_ms: int) -> int:
        """producer.id.expiration.ms: forget idle producers; returns how many."""
        return self.producer_states.expire(now_ms, expiration_ms)

    @property
    def producer_states_loaded(self) -> bool:
        return self._producer_states is not None

    @property
    def leader_epochs_to_write(self) -> bytes | None:
        """The epoch file's new content, or None where it is up to date."""
        epochs = self._leader_epochs
        return epochs.encode() if epochs is not None and epochs.dirty else None

    @property
    def leader_epochs_path(self) -> str:
        return f"{self.directory}/{epochs_file.FILE_NAME}"


def _base_offset(segment: Segment) -> int:
    return segment.base_offset
