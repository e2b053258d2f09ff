"""Reads of a log: slices of segment files, cut at whole batches.

Where a read ended is remembered, so that a consumer that goes on from there (nearly every fetch) needs neither an
index nor a scan; and for a while where one began, for the followers and consumers that read the same.

The lengths and offsets of all batches in a slice are checked, their checksums are the client's to check, as with Kafka:
the bytes are those it was sent.
"""

from __future__ import annotations

import logging
from struct import Struct
from typing import TYPE_CHECKING

from broker.log.results import ReadResult
from broker.log.stored_slice import StoredSlice
from broker.log.transaction_index import AbortedTransaction
from protocol.errors import ErrorCode, KafkaError
from protocol.records import RECORD_BATCH_HEADER_SIZE, peek_batch_header
from wal import CorruptionError, StorageError

if TYPE_CHECKING:
    from broker.log.readable_log import ReadableLog
    from broker.log.segment import Segment

logger = logging.getLogger(__name__)

# Places remembered per log: as many consumers may read it at different offsets without a search.
POSITIONS_KEPT = 32
# Of places from which somebody has read on: as many steps one of several readers may be behind the first.
USED_POSITIONS_KEPT = 4
# Read behind the index entry where a stored slice is to end: an interval of the index, and the header behind it.
BEHIND_ENTRY_BYTES = 8 * 1024

_WALK = Struct(">qi4xb6xi")  # base offset, length, magic, last offset delta
_unpack_walk = _WALK.unpack_from


class ReadPositions:
    """(segment, position in it) by offset: where reads ended, and a few that were the start of another since.

    `changes` counts how often the files were cut, cleaned or deleted, so that what was at a place may not be there."""

    __slots__ = ("_ends", "_used", "changes")

    def __init__(self) -> None:
        self.changes = 0
        self._ends: dict[int, tuple[Segment, int]] = {}
        self._used: dict[int, tuple[Segment, int]] = {}

    def use(self, offset: int) -> tuple[Segment, int] | None:
        """Where a read from `offset` begins. A reader goes on, so its place makes room for that of its next read."""
        place = self._ends.pop(offset, None)
        if place is None:
            return self._used.get(offset)
        _keep(self._used, offset, place, USED_POSITIONS_KEPT)
        return place

    def remember(self, offset: int, segment: Segment, position: int) -> None:
        _keep(self._ends, offset, (segment, position), POSITIONS_KEPT)

    def clear(self) -> None:
        self.changes += 1
        self._ends.clear()
        self._used.clear()


def _keep(places: dict[int, tuple[Segment, int]], offset: int, place: tuple[Segment, int], kept_max: int) -> None:
    places[offset] = place
    if len(places) > kept_max:
        del places[next(iter(places))]


def read(
    log: ReadableLog, offset: int, max_bytes: int, max_offset: int, at_least_one_batch: bool, stored_bytes_min: int
) -> ReadResult:
    if offset < log.log_start_offset or offset > log.log_end_offset:
        raise KafkaError(
            ErrorCode.OFFSET_OUT_OF_RANGE,
            f"{log} has offsets {log.log_start_offset} to {log.log_end_offset}, not {offset}",
        )
    end_offset = min(max_offset, log.written_end_offset)
    if offset >= end_offset:
        return ReadResult(b"", offset)
    try:
        return _read(log, offset, max_bytes, end_offset, at_least_one_batch, stored_bytes_min)
    except StorageError as error:
        logger.error("cannot read %s at offset %d: %s", log, offset, error)
        code = ErrorCode.CORRUPT_MESSAGE if isinstance(error, CorruptionError) else ErrorCode.KAFKA_STORAGE_ERROR
        raise KafkaError(code, f"{log} cannot be read at offset {offset}: {error}") from error


def _read(
    log: ReadableLog, offset: int, max_bytes: int, end_offset: int, at_least_one_batch: bool, stored_bytes_min: int
) -> ReadResult:
    place = log.read_positions.use(offset) or _locate(log, offset)
    segment, position = place
    if position >= segment.size_bytes:
        # The place remembered was the end of a segment, or compaction left nothing behind it: go on in the next.
        following = _segment_after(log, segment)
        if following is None:
            return ReadResult(b"", offset)
        segment, position = following, 0
    available = segment.size_bytes - position
    length = min(available, max_bytes)
    if length >= stored_bytes_min:
        found = _stored_end(segment, position, position + length, end_offset)
        if found is not None and found[0] - position >= stored_bytes_min:
            end, next_offset = found
            log.read_positions.remember(next_offset, segment, end)
            return ReadResult(b"", next_offset, StoredSlice(log, segment.log_path, position, end - position))
    if length < RECORD_BATCH_HEADER_SIZE:
        length = min(available, RECORD_BATCH_HEADER_SIZE)
    data = log.disk.pread(segment.log_path, length, position)
    if len(data) < length:
        raise CorruptionError(f"{segment.log_path} is shorter than the {segment.size_bytes} bytes written to it")
    whole, next_offset = whole_batches(data, end_offset, segment, position, length)
    if whole > max_bytes:
        whole = 0  # only the header was meant to be looked at
    if not whole:
        if not at_least_one_batch:
            return ReadResult(b"", offset)
        data, whole, next_offset = _first_batch(log, segment, position, data)
        if next_offset > end_offset:
            return ReadResult(b"", offset)
    log.read_positions.remember(next_offset, segment, position + whole)
    if whole == len(data):
        return ReadResult(data, next_offset)
    # A view, unless it would keep more in memory than it shows.
    return ReadResult(memoryview(data)[:whole] if whole > len(data) // 2 else data[:whole], next_offset)


def _locate(log: ReadableLog, offset: int) -> tuple[Segment, int]:
    index = log.segment_index(offset)
    segment = log.segments[index]
    found = segment.find_batch(offset) if segment.size_bytes else None
    return (segment, segment.size_bytes if found is None else found[0])


def _stored_end(segment: Segment, position: int, limit: int, end_offset: int) -> tuple[int, int] | None:
    """(position of the end, offset after the last) of whole batches from `position` on that end at or before `limit`
    and `end_offset`, found by the offset index and the headers behind an entry of it, without a look at the others.

    None where the index knows no end, or one that is not true: then they must be read. CorruptionError if no batch
    begins at `position`. Damage behind that is the client's to notice, by the checksum, as with Kafka."""
    index = segment.offset_index
    last_offset, start = index.last_at(limit - RECORD_BATCH_HEADER_SIZE, segment.size_bytes)
    if last_offset >= end_offset:
        last_offset, start = index.floor(end_offset - 1)
    if not position < start <= limit - RECORD_BATCH_HEADER_SIZE:
        return None
    length = min(limit - start, BEHIND_ENTRY_BYTES)
    data = segment.disk.pread(segment.log_path, length, start)
    if len(data) < length:
        return None
    try:
        if peek_batch_header(data).last_offset != last_offset:
            return None
        whole, next_offset = whole_batches(data, end_offset, segment, start, limit - start)
    except (KafkaError, CorruptionError):
        return None
    header = segment.disk.pread(segment.log_path, RECORD_BATCH_HEADER_SIZE, position)
    first, _ = whole_batches(header, end_offset, segment, position, start - position)
    if not first:
        return None
    return start + whole, next_offset if whole else _unpack_walk(data)[0]


def _segment_after(log: ReadableLog, segment: Segment) -> Segment | None:
    index = log.segment_index(segment.base_offset) + 1
    while index < len(log.segments):
        if log.segments[index].size_bytes:
            return log.segments[index]
        index += 1
    return None


def _first_batch(log: ReadableLog, segment: Segment, position: int, data: bytes) -> tuple[bytes, int, int]:
    """The batch at `position` as a whole, however large."""
    if len(data) < RECORD_BATCH_HEADER_SIZE:
        raise CorruptionError(f"{segment.log_path} ends inside a batch at byte {position}")
    base_offset, length, _, last_offset_delta = _unpack_walk(data)
    size = length + 12
    if position + size > segment.size_bytes:
        raise CorruptionError(f"{segment.log_path} is damaged at byte {position}: a batch ends behind the file")
    if size > len(data):
        data = log.disk.pread(segment.log_path, size, position)
    return data, size, base_offset + last_offset_delta + 1


def whole_batches(data: bytes, end_offset: int, segment: Segment, position: int, size: int) -> tuple[int, int]:
    """(bytes of the batches that are whole in `size` bytes and end at or before `end_offset`, offset after the last),
    as far as their headers are in `data`.

    Hot: once per batch fetched. CorruptionError if the first batch cannot be one; a later one ends the slice, so that
    what lies before the damage is still served."""
    at = 0
    next_offset = segment.base_offset
    last_start = len(data) - RECORD_BATCH_HEADER_SIZE
    while at <= last_start:
        base_offset, length, magic, last_offset_delta = _unpack_walk(data, at)
        if magic != 2 or length < 49 or base_offset < next_offset or last_offset_delta < 0:
            if at:
                break
            raise CorruptionError(f"{segment.log_path} is damaged at byte {position}: no batch begins there")
        end = at + 12 + length
        following = base_offset + last_offset_delta + 1
        if end > size or following > end_offset:
            break
        at = end
        next_offset = following
    return at, next_offset


def aborted_transactions(log: ReadableLog, start_offset: int, end_offset: int) -> list[AbortedTransaction]:
    found: list[AbortedTransaction] = []
    for segment in log.segments[log.segment_index(start_offset) :]:
        for entry in segment.transaction_index.entries():
            if entry.last_offset >= start_offset and entry.first_offset < end_offset:
                found.append(entry)
            if entry.last_stable_offset >= end_offset:
                # Later markers end transactions that began after what is read.
                return found
    return found
