"""When the active segment of a log is full, by Kafka's rules, and how the next one begins.

A segment is full when the next batch would bring it over `segment.bytes`, is younger than its first batch by more than
`segment.ms` (less a jitter), does not fit the index's 32-bit relative offsets, or when the index itself is full. The
append compares three numbers that are kept for it; only when one of them is passed is it looked closer here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from zlib import crc32

from broker.log.log_config import LONG_MAX
from broker.log.segment import Segment
from wal import StorageError

if TYPE_CHECKING:
    from broker.log.partition_log import PartitionLog


def make_room(log: PartitionLog, size: int, last_offset: int, max_timestamp: int) -> None:
    """The cheap test failed: look closer, and begin a new segment if the active one really has no room."""
    _look_at_active(log, max_timestamp)
    full = size > log.room_bytes or max_timestamp > log.roll_timestamp or last_offset > log.last_offset_max
    if full and (log.active.size_bytes or log.pending):
        roll(log)
        _look_at_active(log, max_timestamp)


def _look_at_active(log: PartitionLog, max_timestamp: int) -> None:
    active, config = log.active, log.config
    if log.room_bytes < 0:
        pending = sum([size for _, size, _ in log.pending_batches])
        log.room_bytes = max(0, config.segment_bytes - active.size_bytes - pending)
    if log.roll_timestamp == LONG_MAX and config.roll_ms < LONG_MAX:
        first = max_timestamp
        if active.size_bytes:
            first = next(active.scan())[1].max_timestamp
        elif log.pending_batches:
            first = log.pending_batches[0][2]
        log.roll_timestamp = first + config.roll_ms - _jitter_ms(log)


def _jitter_ms(log: PartitionLog) -> int:
    """Spreads the rolls of partitions that began together; the same for a segment at every start."""
    most = min(log.config.segment_jitter_ms, log.config.roll_ms)
    return crc32(f"{log}:{log.active.base_offset}".encode()) % most if most > 0 else 0


def roll(log: PartitionLog) -> Segment:
    """Seal the active segment, take a producer snapshot, begin the next segment where the batches of this one end.

    That is the log's end, unless a cut fell between two batches of a compacted leader. Segments always join: what does
    not join is missing, see recovery.py."""
    log.write_pending()
    try:
        log.active.seal()
        log.mark_dirty()
        log.snapshots.take(log)
        segment = Segment(log.disk, log.directory, log.active.find_end_offset(), 0)
        log.disk.create(segment.log_path)
    except StorageError as error:
        log.abandon(error)
        raise
    log.segments.append(segment)
    log.dirty.segments[segment.base_offset] = segment
    log.dirty.directory = True
    log.active_changed()
    return segment
