"""Compaction of one log: of the sealed segments, only the latest record of each key remains (Kafka's log cleaner).

Three steps, so that the loop is never held up: `begin_compaction` (loop: which segments, what the producers are at),
`Compaction.run` (a worker thread: reads segments that nobody changes, writes and syncs `.cleaned` files) and
`Compaction.swap` (loop: renames; refuses if the log was cut or deleted meanwhile). A crash anywhere leaves the old
segments or the new ones, see compaction_swap.py; compacting again what was compacted changes nothing.

What is compacted ends at the first segment that is active, not below the high watermark, not yet checkpointed, younger
than `min.compaction.lag.ms`, or holds an open transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace

from broker.log.batch_cleaning import CleaningRules, clean_batch
from broker.log.cleaned_transactions import CleanedTransactions
from broker.log.compaction_swap import CLEANED_SUFFIX, begin_swap, finish_swap
from broker.log.disk import Buffer, Disk
from broker.log.offset_map import MEMORY_BYTES_DEFAULT, OffsetMap
from broker.log.partition_log import PartitionLog
from broker.log.segment import (
    INDEX_SUFFIX,
    LOG_SUFFIX,
    RELATIVE_OFFSET_MAX,
    SEGMENT_SUFFIXES,
    TIME_INDEX_SUFFIX,
    TRANSACTION_INDEX_SUFFIX,
    Segment,
    build_indexes,
    scan_headers,
    verified_batches,
)
from broker.log.transaction_index import encode_aborted
from broker.log.validation import DECOMPRESSED_BYTES_MAX
from protocol.records import BatchHeader, read_records
from wal import CorruptionError, Filesystem

logger = logging.getLogger(__name__)

# What is gathered before it is written to a cleaned segment.
WRITE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Cleanable:
    """How much of a log could be compacted now. Offsets are ends, exclusive; sizes in bytes."""

    log: PartitionLog
    first_dirty_offset: int
    end_offset: int
    clean_bytes: int
    dirty_bytes: int
    is_overdue: bool  # a record waits longer than max.compaction.lag.ms

    @property
    def dirty_ratio(self) -> float:
        return self.dirty_bytes / max(1, self.clean_bytes + self.dirty_bytes)

    @property
    def is_due(self) -> bool:
        ratio_reached = self.dirty_ratio >= self.log.config.min_cleanable_dirty_ratio
        return self.dirty_bytes > 0 and (ratio_reached or self.is_overdue)


def cleanable(log: PartitionLog, first_dirty_offset: int, now_ms: int, high_watermark: int) -> Cleanable:
    """`first_dirty_offset`: where the last compaction ended."""
    first_dirty_offset = max(first_dirty_offset, log.segments[0].base_offset)
    limit = min(high_watermark, log.recovery_point, log.active.base_offset)
    unstable = log.first_unstable_offset
    if unstable is not None:
        limit = min(limit, unstable)
    clean_bytes = dirty_bytes = 0
    end_offset = log.segments[0].base_offset
    overdue = False
    config = log.config
    for index, segment in enumerate(log.segments[:-1]):
        segment_end = log.segment_end_offset(index)
        young = config.min_compaction_lag_ms > 0 and segment.max_timestamp > now_ms - config.min_compaction_lag_ms
        if segment_end > limit or (young and segment_end > first_dirty_offset):
            break
        end_offset = segment_end
        if segment_end <= first_dirty_offset:
            clean_bytes += segment.size_bytes
            continue
        dirty_bytes += segment.size_bytes
        overdue = overdue or (0 <= segment.max_timestamp < now_ms - config.max_compaction_lag_ms)
    return Cleanable(log, min(first_dirty_offset, end_offset), end_offset, clean_bytes, dirty_bytes, overdue)


@dataclass(slots=True)
class _Group:
    """Old segments that become one. `changed` is False where the successor would be the same."""

    segments: list[Segment]
    changed: bool = False


@dataclass(slots=True)
class CompactionResult:
    bytes_before: int = 0
    bytes_after: int = 0
    swapped: bool = False


class Compaction:
    """One compaction under way; see the module. Made by `begin_compaction`."""

    def __init__(self, work: Cleanable, filesystem: Filesystem, now_ms: int, memory_bytes: int) -> None:
        log = work.log
        self.log = log
        self.end_offset = work.end_offset
        self.result = CompactionResult()
        self._first_dirty_offset = work.first_dirty_offset
        self._filesystem = filesystem
        self._now_ms = now_ms
        self._memory_bytes = memory_bytes
        self._segments = [s for s in log.segments[:-1] if s.base_offset < work.end_offset]
        self._config = log.config
        self._aborted = log.aborted_transactions(log.segments[0].base_offset, work.end_offset)
        self._last_offsets = {
            producer_id: (entry.producer_epoch, entry.last_offset)
            for producer_id, entry in log.producer_states.entries.items()
        }
        self._groups: list[_Group] = []

    # --- the worker's thread ---------------------------------------------------------------------------------------

    def run(self) -> None:
        """Read, clean, write and sync. Raises StorageError; what it wrote is then removed by the next start or try."""
        disk = Disk(self._filesystem, 8)
        try:
            offsets = self._map_offsets(disk)
            rules = CleaningRules(
                offsets, self._now_ms, self._config.delete_retention_ms, self._last_offsets, self.end_offset
            )
            transactions = CleanedTransactions(self._aborted)
            for segments, end_offset in self._grouped():
                group = _Group(segments)
                self._groups.append(group)
                self._clean(disk, group, replace(rules, end_offset=end_offset), transactions)
            disk.sync_directory(self.log.directory)
        finally:
            disk.close()

    def _map_offsets(self, disk: Disk) -> OffsetMap:
        """Where the latest record of each dirty key is; ends early, at a segment's end, when the memory is used up."""
        offsets = OffsetMap(self._memory_bytes)
        transactions = CleanedTransactions(self._aborted)
        for index, segment in enumerate(self._segments):
            end = self._segments[index + 1].base_offset if index + 1 < len(self._segments) else self.end_offset
            if end <= self._first_dirty_offset:
                continue
            for _, batch, header in _batches(disk, segment):
                if header.is_control or not header.record_count or transactions.is_aborted(header):
                    continue
                for record in read_records(batch, 0, header, decompressed_bytes_max=DECOMPRESSED_BYTES_MAX):
                    if record.key is not None:
                        offsets.put(record.key, record.offset)
            if offsets.is_full and end < self.end_offset:
                # The rest is for the next round; only whole segments are mapped, so one may exceed the memory.
                self.end_offset = end
                del self._segments[index + 1 :]
                break
        return offsets

    def _grouped(self) -> Iterator[tuple[list[Segment], int]]:
        """Neighbours that fit into one segment together, by size and by relative offset, and where they end."""
        group: list[Segment] = []
        size = 0
        for index, segment in enumerate(self._segments):
            end = self._segments[index + 1].base_offset if index + 1 < len(self._segments) else self.end_offset
            fits = (
                size + segment.size_bytes <= self._config.segment_bytes
                and group
                and end - 1 - group[0].base_offset <= RELATIVE_OFFSET_MAX
            )
            if group and not fits:
                yield group, segment.base_offset
                group, size = [], 0
            group.append(segment)
            size += segment.size_bytes
        if group:
            yield group, self.end_offset

    def _clean(self, disk: Disk, group: _Group, rules: CleaningRules, transactions: CleanedTransactions) -> None:
        stem = group.segments[0].stem
        cleaned_path = stem + LOG_SUFFIX + CLEANED_SUFFIX
        for suffix in SEGMENT_SUFFIXES:
            disk.remove(stem + suffix + CLEANED_SUFFIX)
        disk.create(cleaned_path)
        gathered: list[Buffer] = []
        size = 0
        group.changed = len(group.segments) > 1
        for segment in group.segments:
            self.result.bytes_before += segment.size_bytes
            for _, batch, header in _batches(disk, segment):
                cleaned = clean_batch(batch, header, rules, transactions)
                group.changed |= cleaned is not batch
                if cleaned is not None:
                    # A copy: the chunk it lies in is read over.
                    gathered.append(bytes(cleaned))
                    size += len(cleaned)
                    self.result.bytes_after += len(cleaned)
                if size >= WRITE_BYTES:
                    disk.append(cleaned_path, gathered)
                    gathered, size = [], 0
        if gathered:
            disk.append(cleaned_path, gathered)
        disk.sync(cleaned_path)
        # Its name, too, before the others': found without it, they are leftovers.
        disk.sync_directory(self.log.directory)
        self._write_indexes(disk, group.segments[0], cleaned_path, encode_aborted(transactions.take_indexed()))

    def _write_indexes(self, disk: Disk, first: Segment, cleaned_path: str, aborted: bytes) -> None:
        headers = scan_headers(disk, cleaned_path, 0, disk.size(cleaned_path))
        offsets, times, _ = build_indexes(headers, first.base_offset, self._config.index_interval_bytes)
        contents = {INDEX_SUFFIX: offsets, TIME_INDEX_SUFFIX: times}
        if aborted or disk.exists(first.stem + TRANSACTION_INDEX_SUFFIX):
            contents[TRANSACTION_INDEX_SUFFIX] = aborted
        for suffix, content in contents.items():
            disk.write_new(first.stem + suffix + CLEANED_SUFFIX, [content])
            disk.sync(first.stem + suffix + CLEANED_SUFFIX)

    # --- the loop's thread -----------------------------------------------------------------------------------------

    def swap(self) -> bool:
        """Put the cleaned segments in place. False, and nothing is changed, if the log is not what it was."""
        log = self.log
        unchanged = not log.failure and log.segments[: len(self._segments)] == self._segments
        if not unchanged or len(log.segments) <= len(self._segments):
            self._discard()
            return False
        for group in self._groups:
            if group.changed:
                self._swap(group)
        self._discard()
        log.read_positions.clear()
        self.result.swapped = True
        logger.info(
            "%s: compacted up to offset %d, %d bytes to %d",
            log,
            self.end_offset,
            self.result.bytes_before,
            self.result.bytes_after,
        )
        return True

    def _swap(self, group: _Group) -> None:
        log, disk = self.log, self.log.disk
        first = group.segments[0]
        for segment in group.segments:
            for path in segment.paths:
                disk.forget(path)
        begin_swap(disk, log.directory, first.base_offset)
        finish_swap(disk, log.directory, first.base_offset)
        for segment in group.segments[1:]:
            for path in segment.paths:
                disk.remove(path)
        disk.sync_directory(log.directory)
        place = log.segments.index(first)
        log.segments[place : place + len(group.segments)] = [Segment(disk, log.directory, first.base_offset)]

    def _discard(self) -> None:
        for group in self._groups:
            for suffix in SEGMENT_SUFFIXES:
                self.log.disk.remove(group.segments[0].stem + suffix + CLEANED_SUFFIX)


def _batches(disk: Disk, segment: Segment) -> Iterator[tuple[int, memoryview, BatchHeader]]:
    """All of a sealed segment, checksums verified: what is damaged is not compacted away."""
    end = 0
    for position, batch, header in verified_batches(disk, segment.log_path, 0, segment.size_bytes):
        end = position + header.size_bytes
        yield position, batch, header
    if end != segment.size_bytes:
        raise CorruptionError(f"{segment.log_path} is damaged at byte {end}; the log is not compacted")


def begin_compaction(
    work: Cleanable, filesystem: Filesystem, now_ms: int, *, memory_bytes: int = MEMORY_BYTES_DEFAULT
) -> Compaction:
    """Loop's thread. `memory_bytes`: log.cleaner.dedupe.buffer.size."""
    return Compaction(work, filesystem, now_ms, memory_bytes)
