"""Records of a batch v2 as objects, for those who need more than the batch's bytes.

A record:

    varint   length of the rest
    int8     attributes (0, unused)
    varlong  timestamp delta to the batch's base timestamp
    varint   offset delta to the batch's base offset
    varint   key length (-1: null), key
    varint   value length (-1: null), value
    varint   number of headers, each: varint key length, key (utf-8), varint value length (-1: null), value
"""

from __future__ import annotations

from dataclasses import dataclass, field

from protocol.records.batch import RECORD_BATCH_HEADER_SIZE, BatchHeader
from protocol.records.compression import Buffer, decompress
from protocol.records.varint import NULL_LENGTH, encode_varint, invalid_record, read_varint, read_varlong

Header = tuple[str, bytes | None]

INT64_MAX = 2**63 - 1
INT64_MIN = -(2**63)


@dataclass(slots=True)
class Record:
    """`offset` and `timestamp` (ms) are absolute. Header keys that are not utf-8 keep their bytes as surrogate
    escapes, so that writing them back changes nothing."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[Header] = field(default_factory=list)


def read_record_block(buf: Buffer, position: int, header: BatchHeader, decompressed_bytes_max: int) -> bytes:
    """What follows the header of the batch at `position`, unpacked; INVALID_RECORD if it cannot be."""
    block = memoryview(buf)[position + RECORD_BATCH_HEADER_SIZE : position + header.size_bytes]
    if not header.attributes & 7:
        return bytes(block)
    return decompress(header.compression, block, decompressed_bytes_max=decompressed_bytes_max)


def read_records(buf: Buffer, position: int, header: BatchHeader, *, decompressed_bytes_max: int) -> list[Record]:
    """The records of the batch at `position`, offsets ascending and possibly with gaps (compaction).

    INVALID_RECORD if they are malformed, out of order, beyond the batch's last offset or not as many as the
    header says. The checksum is not looked at."""
    data = read_record_block(buf, position, header, decompressed_bytes_max)
    log_append_time = header.max_timestamp if header.is_log_append_time else None
    records: list[Record] = []
    at = 0
    last_delta = -1
    if header.record_count < 0 or header.last_offset > INT64_MAX:
        raise invalid_record(f"a batch cannot have {header.record_count} records to {header.last_offset}")
    try:
        for _ in range(header.record_count):
            at, delta, record = _read_record(data, at, header)
            if not last_delta < delta <= header.last_offset_delta:
                raise invalid_record(f"offset delta {delta} follows {last_delta}")
            last_delta = delta
            if log_append_time is not None:
                record.timestamp = log_append_time
            elif not INT64_MIN <= record.timestamp <= INT64_MAX:
                raise invalid_record(f"timestamp {record.timestamp} has more than 64 bits")
            records.append(record)
    except IndexError:
        raise invalid_record("a batch ends inside a record") from None
    if at != len(data):
        raise invalid_record(f"{len(data) - at} bytes follow the {header.record_count} records of a batch")
    return records


def _read_record(data: bytes, position: int, header: BatchHeader) -> tuple[int, int, Record]:
    """(position after it, offset delta, record); IndexError where `data` ends inside it."""
    size, at = read_varint(data, position)
    end = at + size
    if size < 0 or end > len(data):
        raise invalid_record(f"a record of {size} bytes does not fit its batch")
    timestamp_delta, at = read_varlong(data, at + 1)
    offset_delta, at = read_varint(data, at)
    key, at = read_bytes(data, at, end)
    value, at = read_bytes(data, at, end)
    headers: list[Header] = []
    if data[at]:
        headers, at = _read_headers(data, at, end)
    else:
        at += 1
    if at != end:
        raise invalid_record(f"a record of {size} bytes has {size + at - end} bytes of fields")
    record = Record(header.base_offset + offset_delta, header.base_timestamp + timestamp_delta, key, value, headers)
    return end, offset_delta, record


def read_bytes(data: bytes, position: int, end: int) -> tuple[bytes | None, int]:
    """Length and bytes, null for -1."""
    size, position = read_varint(data, position)
    if size == -1:
        return None, position
    if size < 0 or position + size > end:
        raise invalid_record(f"a field of {size} bytes does not fit its record")
    return data[position : position + size], position + size


def _read_headers(data: bytes, position: int, end: int) -> tuple[list[Header], int]:
    count, position = read_varint(data, position)
    # Each takes two bytes at least, so a count beyond that is a lie and reserves nothing.
    if not 0 <= count <= (end - position) // 2:
        raise invalid_record(f"{count} headers do not fit their record")
    headers: list[Header] = []
    for _ in range(count):
        key, position = read_bytes(data, position, end)
        if key is None:
            raise invalid_record("a header has no key")
        value, position = read_bytes(data, position, end)
        headers.append((key.decode("utf-8", "surrogateescape"), value))
    return headers, position


def encode_headers(headers: list[Header]) -> bytes:
    """Number of headers and the headers."""
    parts = [encode_varint(len(headers))]
    for key, value in headers:
        encoded = key.encode("utf-8", "surrogateescape")
        parts += (encode_varint(len(encoded)), encoded)
        parts += (NULL_LENGTH,) if value is None else (encode_varint(len(value)), value)
    return b"".join(parts)
