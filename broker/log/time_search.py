"""Searches by time: which offset has the first record as young as a timestamp, or the youngest of all (KIP-734)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from broker.log.results import TimestampOffset
from broker.log.segment import Segment
from broker.log.validation import DECOMPRESSED_BYTES_MAX
from protocol.records import BatchHeader, Record, read_records

if TYPE_CHECKING:
    from broker.log.readable_log import ReadableLog


def offset_for_timestamp(log: ReadableLog, timestamp: int, max_offset: int) -> TimestampOffset | None:
    start_offset = log.log_start_offset
    for index in range(log.segment_index(start_offset), len(log.segments)):
        segment = log.segments[index]
        if segment.base_offset >= max_offset:
            return None
        if segment.max_timestamp < timestamp or not segment.size_bytes:
            continue
        found = _first_at_or_after(segment, timestamp, start_offset)
        if found is not None:
            return found if found.offset < max_offset else None
    return None


def _first_at_or_after(segment: Segment, timestamp: int, start_offset: int) -> TimestampOffset | None:
    # Nothing up to the time index's floor is as young as asked, except that floor itself.
    _, floor_offset = segment.time_index.floor(timestamp - 1)
    start = segment.find_batch(max(floor_offset, start_offset))
    if start is None:
        return None
    for position, header in segment.scan(start[0]):
        if header.max_timestamp < timestamp or header.last_offset < start_offset:
            continue
        for record in _records(segment, position, header):
            if record.timestamp >= timestamp and record.offset >= start_offset:
                return TimestampOffset(record.offset, record.timestamp, header.partition_leader_epoch)
    return None


def offset_of_max_timestamp(log: ReadableLog, max_offset: int) -> TimestampOffset | None:
    best: Segment | None = None
    for segment in log.segments[log.segment_index(log.log_start_offset) :]:
        # The first of equals, as the client is promised the first record with that timestamp.
        if segment.size_bytes and (best is None or segment.max_timestamp > best.max_timestamp):
            best = segment
    if best is None:
        return None
    found = _youngest_in(best, log.log_start_offset, max_offset, best.max_timestamp)
    if found is not None and found.timestamp == best.max_timestamp:
        return found
    # The youngest record is outside of what may be seen: look through all that may.
    for segment in log.segments[log.segment_index(log.log_start_offset) :]:
        if segment.base_offset < max_offset and segment.size_bytes:
            candidate = _youngest_in(segment, log.log_start_offset, max_offset, None)
            if candidate is not None and (found is None or candidate.timestamp > found.timestamp):
                found = candidate
    return found


def _youngest_in(segment: Segment, start_offset: int, end_offset: int, known: int | None) -> TimestampOffset | None:
    """The first record with the largest timestamp in [start_offset, end_offset); `known` ends the search early."""
    first = segment.offset_of_max_timestamp if known is not None else start_offset
    start = segment.find_batch(max(first, start_offset))
    best: TimestampOffset | None = None
    if start is None:
        return None
    for position, header in segment.scan(start[0]):
        if header.base_offset >= end_offset:
            break
        if best is not None and header.max_timestamp <= best.timestamp:
            continue
        for record in _records(segment, position, header):
            visible = start_offset <= record.offset < end_offset
            if visible and (best is None or record.timestamp > best.timestamp):
                best = TimestampOffset(record.offset, record.timestamp, header.partition_leader_epoch)
        if best is not None and best.timestamp == known:
            break
    return best


def _records(segment: Segment, position: int, header: BatchHeader) -> list[Record]:
    if not header.record_count:
        return []
    data = segment.disk.pread(segment.log_path, header.size_bytes, position)
    return read_records(data, 0, header, decompressed_bytes_max=DECOMPRESSED_BYTES_MAX)
