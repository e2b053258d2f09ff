"""Which segments may go: those too old, those beyond the log's size, those before its start (Kafka's rules).

Only from the oldest on, and only segments wholly below the high watermark: what is not committed is never deleted
for its age. Where even the active segment is due, a new one is begun first. The files stay until a checkpoint has made
the log's new start durable, or a crash could bring back some of them and leave a hole; then they are renamed to
`.deleted` and removed `file.delete.delay.ms` later, off the loop's thread.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from broker.log.segment import Segment

if TYPE_CHECKING:
    from broker.log.partition_log import PartitionLog

logger = logging.getLogger(__name__)

DELETED_SUFFIX = ".deleted"


def apply(log: PartitionLog, now_ms: int, high_watermark: int) -> int:
    """Delete what is due; returns how many segments that was."""
    due = _due(log, now_ms, high_watermark)
    if not due:
        return 0
    if due == len(log.segments):
        log.roll(now_ms)
    _delete(log, log.segments[:due])
    return due


def _due(log: PartitionLog, now_ms: int, high_watermark: int) -> int:
    """How many segments, from the first on, are due."""
    config = log.config
    excess_bytes = 0
    if config.delete and config.retention_bytes >= 0:
        excess_bytes = log.size_bytes - config.retention_bytes
    due = 0
    for index, segment in enumerate(log.segments):
        end_offset = log.segment_end_offset(index)
        is_active = index == len(log.segments) - 1
        # What was appended in this turn will be written to the active segment: it would go with it.
        if end_offset > high_watermark or (is_active and (log.pending or not segment.size_bytes)):
            break
        too_old = config.delete and 0 <= config.retention_ms < now_ms - _age_timestamp(segment, now_ms)
        too_much = excess_bytes >= segment.size_bytes > 0 and not is_active
        before_start = end_offset <= log.log_start_offset and not is_active
        if not (too_old or too_much or before_start):
            break
        excess_bytes -= segment.size_bytes
        due += 1
    return due


def _age_timestamp(segment: Segment, now_ms: int) -> int:
    """The youngest record's time. A segment without timestamps has no age here; Kafka takes the file's."""
    return segment.max_timestamp if segment.max_timestamp >= 0 else now_ms


def _delete(log: PartitionLog, segments: list[Segment]) -> None:
    log.mark_dirty()
    for segment in segments:
        for path in segment.paths:
            if log.disk.exists(path):
                log.disk.forget(path)
                log.discarded.append(path)
        log.dirty.segments.pop(segment.base_offset, None)
    logger.info("%s: deleting %d segments up to offset %d", log, len(segments), segments[-1].base_offset)
    log.segments[:] = log.segments[len(segments) :]
    log.read_positions.clear()
    first = log.segments[0].base_offset
    log.snapshots.forget_before(first)
    if log.log_start_offset < first:
        log.advance_log_start(first)
