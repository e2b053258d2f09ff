"""The structural check of a produced batch: every record walked, none of them made an object.

A batch from a producer has at least one record, offset deltas 0, 1, 2, … and exactly as many bytes as its
records take. Anything else is INVALID_RECORD. How the records are walked: walk_all.py.
"""

from __future__ import annotations

from typing import NamedTuple

from protocol.records.batch import RECORD_BATCH_HEADER_SIZE, BatchHeader
from protocol.records.compression import Buffer
from protocol.records.plain import NOT_PLAIN, plain_record_null_keys
from protocol.records.record import INT64_MAX, INT64_MIN, read_record_block
from protocol.records.varint import invalid_record
from protocol.records.walk import walk_record
from protocol.records.walk_all import walk_long_records, walk_records

# From this size of the mean record on, walking them one by one where they are costs less than a copy of them.
LONG_RECORD_BYTES_MIN = 32 * 1024


class CheckedRecords(NamedTuple):
    """What the check has seen. Timestamps are the records' own, also where the batch says LogAppendTime."""

    record_count: int
    min_timestamp: int
    max_timestamp: int
    null_key_count: int
    records_bytes: int  # of the record block, unpacked


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
    try:
        if header[1] >= count * LONG_RECORD_BYTES_MIN and not header[5] & 7:
            data: Buffer = memoryview(buf)[position + RECORD_BATCH_HEADER_SIZE : position + header.size_bytes]
            end, low, high, null_keys = walk_long_records(data, count)
        else:
            data = read_record_block(buf, position, header, decompressed_bytes_max)
            end, low, high, null_keys = walk_records(data, 0, count)
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
