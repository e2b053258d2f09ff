"""One record taken apart number by number: where its fields lie, without copying them."""

from __future__ import annotations

from typing import NamedTuple

from protocol.records.compression import Buffer
from protocol.records.varint import invalid_record, read_varint, read_varlong


class RecordLayout(NamedTuple):
    """Positions in the record block. A field of `end` is exclusive."""

    attributes_at: int
    timestamp_delta: int
    offset_at: int
    key_length_at: int
    key_at: int
    key_is_null: bool
    value_length_at: int
    value_at: int
    headers_at: int
    end: int


def walk_record(data: Buffer, position: int, offset_delta: int) -> RecordLayout:
    """The layout of the record at `position`, which must have `offset_delta`; INVALID_RECORD if it is
    malformed, IndexError where the data ends inside it."""
    size, attributes_at = read_varint(data, position)
    end = attributes_at + size
    if size < 0 or end > len(data):
        raise invalid_record(f"a record of {size} bytes does not fit its batch")
    timestamp_delta, offset_at = read_varlong(data, attributes_at + 1)
    delta, key_length_at = read_varint(data, offset_at)
    if delta != offset_delta:
        raise invalid_record(f"record {offset_delta} of a batch has offset delta {delta}")
    key_size, key_at = read_varint(data, key_length_at)
    value_length_at = key_at if key_size == -1 else _after(key_size, key_at, end)
    value_size, value_at = read_varint(data, value_length_at)
    headers_at = value_at if value_size == -1 else _after(value_size, value_at, end)
    at = headers_at + 1
    if data[headers_at]:
        at = walk_headers(data, headers_at, end)
    if at != end:
        raise invalid_record(f"a record of {size} bytes has {size + at - end} bytes of fields")
    return RecordLayout(
        attributes_at,
        timestamp_delta,
        offset_at,
        key_length_at,
        key_at,
        key_size == -1,
        value_length_at,
        value_at,
        headers_at,
        end,
    )


def _after(size: int, position: int, end: int) -> int:
    if size < 0 or position + size > end:
        raise invalid_record(f"a field of {size} bytes does not fit its record")
    return position + size


def walk_headers(data: Buffer, position: int, end: int) -> int:
    """The position after the header count at `position` and its headers; nothing reaches beyond `end`."""
    count, at = read_varint(data, position)
    # Each takes two bytes at least, so a count beyond that is a lie.
    if not 0 <= count <= (end - at) // 2:
        raise invalid_record(f"{count} headers do not fit their record")
    for _ in range(count):
        size = data[at]
        if size & 129:
            size, at = read_varint(data, at)
            at = _after(size, at, end)
        else:
            at += 1 + (size >> 1)
        size = data[at]
        if size & 129:
            size, at = read_varint(data, at)
            if size != -1:
                at = _after(size, at, end)
        else:
            at += 1 + (size >> 1)
    if at > end:
        raise invalid_record("headers do not fit their record")
    return at
