"""The log of one replica of a partition: appends, reads, truncation, and the state that goes with its records.

The road of an append: `append_as_leader` validates, gives offsets and collects in memory; `write_out`, once a turn
of the loop, writes everything collected to the active segment and hands the same buffers to the journal. Readers
see only what `write_out` has written.

Invariants: log_start_offset <= written_end_offset <= log_end_offset (an end is exclusive), recovery_point <=
written_end_offset, segments rise by base offset and the last one is active. Everything runs on the loop's thread;
only what a checkpoint or a compaction took out with it runs elsewhere.
"""

from __future__ import annotations

import logging

from broker.log import copying, producer_tracking, retention, rolling, truncation
from broker.log.disk import Buffer, parent_of
from broker.log.journal_entries import encode_append_header
from broker.log.log_config import LONG_MAX, LogConfig
from broker.log.readable_log import ReadableLog
from broker.log.results import (
    AppendOrigin,
    AppendResult,
)
from broker.log.segment import RELATIVE_OFFSET_MAX, Segment
from broker.log.validation import validate
from protocol.records import (
    LOG_OVERHEAD,
    PLAIN_BATCH_BYTES_MIN,
    BatchHeader,
    pack_unchecked,
    read_plain_batch,
    stamp_prefix,
)
from wal import StorageError

logger = logging.getLogger(__name__)

# Below this batches are copied into one buffer: the system call pays for every buffer more than for the copy.
COPIED_BYTES_MAX = 8192

# What `append_plain` answers where `append_as_leader` is to be asked.
NOT_PLAIN = -1

UNKNOWN_TIMESTAMP = -1


class PartitionLog(ReadableLog):
    """One log, open. Made by recovery.py (`open_log`, `create_log`), closed by `close`."""

    __slots__ = ()

    # --- appending -------------------------------------------------------------------------------------------------

    def append_plain(self, data: bytes, start: int, end: int, leader_epoch: int, now_ms: int) -> int:
        """`append_as_leader` of the client's batch that lies in `data` from `start` to `end`, for the commonest kind of
        it: plain records, nothing special about the topic, the segment or the producer. The base offset; NOT_PLAIN, and
        nothing changed, for all others.

        Hot: once per produced batch of nearly every producer that does not linger."""
        size = end - start
        if (
            size > self.room_bytes
            or not PLAIN_BATCH_BYTES_MIN <= size <= self.plain_batch_bytes_max
            or leader_epoch != self._last_epoch
            or self.failure
            or self._abandoned is not None
        ):
            return NOT_PLAIN
        plain = read_plain_batch(data, start, end)
        if plain is None:
            return NOT_PLAIN
        checked, crc, timestamp, producer_id, producer_epoch, sequence, last_offset_delta = plain
        base_offset = self.log_end_offset
        last_offset = base_offset + last_offset_delta
        if (
            timestamp > now_ms + self.timestamp_after_max_ms
            or timestamp > self.roll_timestamp
            or last_offset > self.last_offset_max
        ):
            return NOT_PLAIN
        if producer_id >= 0:
            states = self._producer_states
            if states is None or not states.append_next(
                producer_id, producer_epoch, sequence, base_offset, last_offset_delta, timestamp
            ):
                return NOT_PLAIN
        self.pending.append(pack_unchecked(base_offset, size - LOG_OVERHEAD, leader_epoch, 2, crc) + checked)
        self.pending_batches.append((last_offset, size, timestamp))
        self.room_bytes -= size
        self.log_end_offset = last_offset + 1
        return base_offset

    def append_as_leader(
        self, records: Buffer, *, leader_epoch: int, now_ms: int, origin: AppendOrigin = AppendOrigin.CLIENT
    ) -> AppendResult:
        """Validate, give offsets, collect for `write_out`. Raises KafkaError where the batch is refused, StorageError
        where the disk is. A duplicate of an idempotent producer answers with its old offsets and changes nothing.

        Hot: once per produced batch; plain locals and tuple fields instead of properties."""
        if self.failure or self._abandoned is not None:
            raise self._refusal()
        batch, header, log_append_time_ms = validate(records, self.config, origin, now_ms)
        has_producer = header[9] >= 0
        if has_producer and (earlier := producer_tracking.check(self, batch, header)) is not None:
            return AppendResult(
                earlier.first_offset,
                earlier.last_offset,
                header[12],
                log_append_time_ms,
                self.log_start_offset,
                True,
                earlier.timestamp,
            )
        base_offset = self.log_end_offset
        last_offset = base_offset + header[6]
        size = header[1] + 12
        max_timestamp = header[8]
        if size > self.room_bytes or max_timestamp > self.roll_timestamp or last_offset > self.last_offset_max:
            rolling.make_room(self, size, last_offset, max_timestamp)
        if leader_epoch != self._last_epoch:
            self.leader_epochs.assign(leader_epoch, base_offset)
            self._last_epoch = leader_epoch
        prefix = stamp_prefix(header, base_offset, leader_epoch)
        rest = memoryview(batch)[16:]
        if size <= COPIED_BYTES_MAX:
            self.pending.append(b"".join((prefix, rest)))
        else:
            self.pending += (prefix, rest)
        self.pending_batches.append((last_offset, size, max_timestamp))
        self.room_bytes -= size
        self.log_end_offset = last_offset + 1
        if has_producer:
            producer_tracking.update(self, batch, header, base_offset)
        return AppendResult(
            base_offset, last_offset, header[12], log_append_time_ms, self.log_start_offset, False, max_timestamp
        )

    def append_as_follower(self, records: Buffer) -> AppendResult:
        """Collect batches as the leader stored them: offsets and epochs stand, only the checksum is checked.

        They may leave gaps (a compacted leader) but never go back: CORRUPT_MESSAGE. Batches before a bad one stay."""
        if self.failure or self._abandoned is not None:
            raise self._refusal()
        return copying.append(self, records)

    def append_stored(self, batch: memoryview, header: BatchHeader) -> None:
        """Collect one batch that has its offset already, and bring epochs and producers up to date."""
        size, last_offset, max_timestamp = header.size_bytes, header.last_offset, header.max_timestamp
        if size > self.room_bytes or max_timestamp > self.roll_timestamp or last_offset > self.last_offset_max:
            rolling.make_room(self, size, last_offset, max_timestamp)
        if header.partition_leader_epoch > self.leader_epochs.latest:
            self.leader_epochs.assign(header.partition_leader_epoch, header.base_offset)
        self.pending.append(batch)
        self.pending_batches.append((last_offset, size, max_timestamp))
        self.room_bytes -= size
        self.log_end_offset = last_offset + 1
        if header.producer_id >= 0:
            producer_tracking.update(self, batch, header, header.base_offset)

    def recover_batch(self, batch: memoryview, header: BatchHeader) -> None:
        """Recovery verified a batch that lies in the active segment: epochs and producers follow."""
        if header.partition_leader_epoch > self.leader_epochs.latest:
            self.leader_epochs.assign(header.partition_leader_epoch, header.base_offset)
        self.log_end_offset = self.written_end_offset = header.next_offset
        if header.producer_id >= 0 and header.record_count:
            producer_tracking.update(self, batch, header, header.base_offset)

    def recovered(self) -> None:
        """Recovery is done: appends go on behind what it found."""
        self._journalled_end_offset = self.log_end_offset
        self.read_positions.clear()
        self.active_changed()

    def _refusal(self) -> StorageError:
        if self.failure:
            return StorageError(self.failure)
        assert self._abandoned is not None
        return StorageError(str(self._abandoned))

    # --- writing ---------------------------------------------------------------------------------------------------

    def write_out(self) -> list[Buffer]:
        """Write what was collected to the active segment, in one call, and return it for the journal.

        Raises StorageError where the disk refuses; everything since the last `write_out` is then gone from the
        log, as if never appended, and its waiters must be failed."""
        if self._abandoned is not None:
            error, self._abandoned = self._abandoned, None
            raise error
        try:
            self.write_pending()
        except StorageError:
            # Told here and now; the next append may find room again.
            self._abandoned = None
            raise
        written, self._written = self._written, []
        self._journalled_end_offset = self.written_end_offset
        return written

    def write_out_entry(self) -> list[Buffer]:
        """`write_out` as the parts of an APPEND entry, which says where it begins; empty if there is nothing."""
        start_offset = self._journalled_end_offset
        buffers = self.write_out()
        if not buffers:
            return buffers
        header = encode_append_header(self.topic_id, self.partition, self.leader_epochs.latest, start_offset)
        return [header, *buffers]

    def write_pending(self) -> None:
        """Write what was collected; it stays to be handed to the journal by the next `write_out`."""
        if not self.pending:
            return
        if not self.dirty.marked:
            self.mark_dirty()
        active = self.active
        try:
            if self.created_files:
                self.make_names_durable()
            pending = self.pending
            if len(pending) > 1 and sum(map(len, pending)) <= COPIED_BYTES_MAX * len(pending):
                # Copied once here instead of gathered twice: by the system for the segment, and for the journal.
                pending = [b"".join(pending)]
            active.append(pending, self.pending_batches, self.config.index_interval_bytes)
        except StorageError as error:
            self.abandon(error)
            raise
        self._written += pending
        self.pending = []
        self.pending_batches.clear()
        self.written_end_offset = self.log_end_offset
        if active.offset_index.size_bytes() + 8 > self.config.segment_index_bytes:
            self.room_bytes = 0  # Kafka rolls when an index is full, too.

    def make_names_durable(self) -> None:
        """A journal entry names a log by its topic id, so a replay must find the directory that says which that is."""
        if not self.created_files:
            return
        for path in self.created_files:
            self.disk.sync(path)
        self.disk.sync_directory(self.directory)
        self.disk.sync_directory(parent_of(self.directory))
        self.created_files = []

    def abandon(self, error: StorageError) -> None:
        """Forget everything the journal does not have: a replay must not find records before a hole."""
        self.pending = []
        self.pending_batches.clear()
        self._written = []
        self.log_end_offset = self.written_end_offset
        self._abandoned = error
        try:
            self._sync_if_changed(truncation.truncate_to(self, self._journalled_end_offset, repair=True))
        except StorageError as second:
            self.failure = f"{error}; and its half-written tail could not be cut: {second}; then restart this node"

    def mark_dirty(self) -> None:
        """Something changed since the last checkpoint."""
        if self.dirty.marked:
            return
        self.dirty.marked = True
        # While the log's end is still where its snapshot is: later, a load would have to scan what came after.
        _ = self.producer_states
        self.dirty.segments[self.active.base_offset] = self.active
        if self.on_dirty is not None:
            self.on_dirty(self)

    # --- rolling ---------------------------------------------------------------------------------------------------

    def roll(self, now_ms: int = 0) -> Segment:
        """Seal the active segment and begin the next at the log's end, with a producer snapshot between them."""
        return rolling.roll(self)

    def active_changed(self) -> None:
        """Another segment is active, or its configuration changed: measure it anew at the next append."""
        self._last_epoch = -2
        self.room_bytes = -1
        self.roll_timestamp = LONG_MAX
        self.last_offset_max = self.active.base_offset + RELATIVE_OFFSET_MAX

    # --- changing ----------------------------------------------------------------------------------------------------

    def truncation_offset(self, offset: int) -> int:
        """Where `truncate_to(offset)` would end the log: what the TRUNCATE entry says."""
        return truncation.truncation_offset(self, offset)

    def truncate_to(self, offset: int) -> None:
        """Drop records from `offset` on (the batch that holds it goes as a whole). Nothing may wait for `write_out`.

        With a journal, only once the TRUNCATE entry is durable: were the cut known to the segments alone, a replay
        would put the old records behind the new ones."""
        self._sync_if_changed(self.truncate_unsynced(offset))

    def truncate_unsynced(self, offset: int) -> str | None:
        """`truncate_to` but for its last sync: of the file that this answers, before the next append."""
        assert not self.pending and not self._written, f"{self}: write_out before truncate_to"
        path = truncation.truncate_to(self, offset)
        self._journalled_end_offset = self.written_end_offset
        return path

    def _sync_if_changed(self, path: str | None) -> None:
        if path is not None:
            self.disk.sync(path)

    def truncate_fully_and_start_at(self, offset: int) -> None:
        """Drop everything; the log is empty and goes on at `offset`.

        With a journal: `make_names_durable`, then a durable RESTARTED, then this."""
        assert not self.pending and not self._written, f"{self}: write_out before truncate_fully_and_start_at"
        truncation.restart_at(self, offset)
        self._journalled_end_offset = offset

    def advance_log_start(self, offset: int) -> None:
        """DeleteRecords: nothing below `offset` is served any more; whole segments below it go with retention."""
        truncation.advance_log_start(self, offset)

    def apply_retention(self, now_ms: int, high_watermark: int) -> int:
        """Delete segments by time, size and log start; returns how many. Only what is below the high watermark."""
        return retention.apply(self, now_ms, high_watermark)

    def update_config(self, config: LogConfig) -> None:
        self.config = config
        self.plain_batch_bytes_max = config.plain_batch_bytes_max
        self.timestamp_after_max_ms = config.message_timestamp_after_max_ms
        self.active_changed()
