"""The structural check of a produced batch: every record walked, none of them made an object.

A batch from a producer has at least one record, offset deltas 0, 1, 2, … and exactly as many bytes as its
records take. Anything else is INVALID_RECORD. Nearly all records have the plain form (keys of less than 64
bytes, values of less than 8 KiB), which one loop reads byte by byte; the others are taken apart number by
number in walk.py, which also words every refusal. Records that are laid out alike are checked by the column,
see uniform.py.
"""

from __future__ import annotations

from typing import NamedTuple

from protocol.errors import KafkaError
from protocol.records.batch import RECORD_BATCH_HEADER_SIZE, BatchHeader
from protocol.records.compression import Buffer
from protocol.records.plain import NOT_PLAIN, plain_record_null_keys
from protocol.records.record import INT64_MAX, INT64_MIN, read_record_block
from protocol.records.uniform import RUN_MIN, uniform_run
from protocol.records.varint import invalid_record
from protocol.records.walk import walk_headers, walk_record

# Offset deltas 0…63 take one byte, 64…8191 two, 8192…1048575 three. Within an aligned chunk of 64 they take
# equally many and only the first differs.
_CHUNK = 64
_TWO_BYTES_FROM = 64
_THREE_BYTES_FROM = 8192
_FOUR_BYTES_FROM = 1048576
_ONLY_BYTES = bytes(2 * delta for delta in range(_CHUNK))
_FIRST_BYTES = bytes(2 * delta | 128 for delta in range(_CHUNK))


class CheckedRecords(NamedTuple):
    """What the check has seen. Timestamps are the records' own, also where the batch says LogAppendTime."""

    record_count: int
    min_timestamp: int
    max_timestamp: int
    null_key_count: int
    records_bytes: int  # of the record block, unpacked


# How far the walk is, and what it has met on the way: position, lowest and highest timestamp delta, null keys.
# A plain tuple: naming the fields takes a third of the check of a batch of one record.
_Seen = tuple[int, int, int, int]
_NOTHING_SEEN: _Seen = (0, INT64_MAX, INT64_MIN, 0)


def check_records(buf: Buffer, position: int, header: BatchHeader, *, decompressed_bytes_max: int) -> CheckedRecords:
    """Refuses with INVALID_RECORD what Kafka's validation refuses about the records of one produced batch.

    The checksum is verify_crc's; who may send control batches or which timestamps are allowed is the log's."""
    count = header[12]
    if count == 1 and not header[6] and not header[5] & 7:
        start, end = position + RECORD_BATCH_HEADER_SIZE, position + 12 + header[1]
        null_keys = _plain_null_keys(buf, start, end)
        if null_keys != NOT_PLAIN:
            return CheckedRecords(1, header[7], header[7], null_keys, end - start)
    if count < 1:
        raise invalid_record(f"a batch cannot have {count} records")
    if header.last_offset_delta != count - 1:
        raise invalid_record(f"{count} records cannot end at offset delta {header.last_offset_delta}")
    data = read_record_block(buf, position, header, decompressed_bytes_max)
    try:
        end, low, high, null_keys = _walk(data, count)
    except IndexError:
        raise invalid_record("a batch ends inside a record") from None
    if end != len(data):
        raise invalid_record(f"{len(data) - end} bytes follow the {count} records of a batch")
    low += header.base_timestamp
    high += header.base_timestamp
    if low < INT64_MIN or high > INT64_MAX:
        raise invalid_record(f"timestamps {low} to {high} have more than 64 bits")
    return CheckedRecords(count, low, high, null_keys, end)


def _plain_null_keys(buf: Buffer, start: int, end: int) -> int:
    if end > len(buf):
        return NOT_PLAIN
    try:
        return plain_record_null_keys(buf, start, end)
    except IndexError:
        return NOT_PLAIN


def null_key_indexes(buf: Buffer, position: int, header: BatchHeader, *, decompressed_bytes_max: int) -> list[int]:
    """Which records of a batch that check_records has passed have no key (to report them one by one)."""
    data = read_record_block(buf, position, header, decompressed_bytes_max)
    indexes: list[int] = []
    at = 0
    try:
        for index in range(header.record_count):
            record = walk_record(data, at, index)
            if record.key_is_null:
                indexes.append(index)
            at = record.end
    except IndexError:
        raise invalid_record("a batch ends inside a record") from None
    return indexes


def _walk(data: bytes, count: int) -> _Seen:
    """IndexError where `data` ends inside a record."""
    seen = _NOTHING_SEEN
    index = 0
    while index < count:
        if count - index >= RUN_MIN:
            position, low, high, null_keys = seen
            run = uniform_run(data, position, index, count)
            if run is not None:
                index += run.record_count
                seen = (run.end, min(low, run.low), max(high, run.high), null_keys + run.null_key_count)
                continue
        stop = min(count, (index // _CHUNK + 1) * _CHUNK)
        seen = _walk_chunk(data, index, stop, seen)
        index = stop
    return seen


def _offset_bytes(index: int, stop: int) -> tuple[bytes, int, int, int]:
    """Of the offset deltas `index` to `stop` in one chunk: first bytes, the second, the third, the width."""
    if index < _TWO_BYTES_FROM:
        return _ONLY_BYTES[index:stop], 0, 0, 1
    start, end = index % _CHUNK, index % _CHUNK + stop - index
    if index < _THREE_BYTES_FROM:
        return _FIRST_BYTES[start:end], index >> 6, 0, 2
    return _FIRST_BYTES[start:end], index >> 6 & 127 | 128, index >> 13, 3


def _walk_chunk(data: bytes, index: int, stop: int, seen: _Seen) -> _Seen:
    """Walks the records `index` to `stop` (exclusive), which lie in one chunk."""
    # Hot, so one loop without calls: indexing bytes takes 20 ns, slicing or comparing 70 ns, a call 100 ns.
    # It reads on without asking whether a number was sane and asks once at the end, for all of them; a record
    # it then does not accept, or runs off the data with, is read again slowly.
    position, low, high, null_keys = seen
    firsts, second, third, width = _offset_bytes(index, stop)
    delta_before = -1
    for first in firsts:
        try:
            size = data[position]
            at = position + 2
            if size > 127:
                size += (data[position + 1] - 1) << 7
                at += 1
            end = at - 1 + (size >> 1)
            delta = data[at]
            at += 1
            if delta > 127:
                delta += (data[at] - 1) << 7
                at += 1
            if data[at] == first and (width == 1 or (data[at + 1] == second and (width == 2 or data[at + 2] == third))):
                at += width
                key = data[at]
                at += (key >> 1) + 1
                value = data[at]
                if value > 127:
                    at += 1
                    value += (data[at] - 1) << 7
                at += (value >> 1) + 1
                at = walk_headers(data, at, end) if data[at] else at + 1
                # A zigzag number that is odd is negative, of which only a key of -1, null, is plain; one from
                # 16384 on has a third byte, of which nothing was read.
                if (
                    at == end
                    and (size | delta | value) < 16384
                    and not (size | value) & 1
                    and (not key & 129 or key == 1)
                    and index < _FOUR_BYTES_FROM
                ):
                    position = end
                    null_keys += key == 1
                    if delta != delta_before:
                        delta_before = delta
                        delta = (delta >> 1) ^ -(delta & 1)
                        low = delta if delta < low else low
                        high = delta if delta > high else high
                    continue
        except (IndexError, KafkaError):
            pass
        record = walk_record(data, position, index + firsts.index(first))
        position = record.end
        null_keys += record.key_is_null
        low = min(low, record.timestamp_delta)
        high = max(high, record.timestamp_delta)
    return position, low, high, null_keys
