"""The check of the commonest batch there is: one record, not compressed, no headers.

A producer that does not linger sends nothing else, and walking its record with the general loop costs more than its
checksum. What this accepts is what check.py accepts (a test holds it to that); everything it does not accept it leaves
to check.py, which may still, and says why if it does not.
"""

from __future__ import annotations

from struct import Struct

from crc32c import crc32c

from protocol.records.compression import Buffer
from protocol.records.varint import encode_varint

NOT_PLAIN = -1

# All of a batch's header but the leader epoch.
_unpack = Struct(">qi4xbIhiqqqhii").unpack_from
_HEADER_BYTES = 61
PLAIN_BATCH_BYTES_MIN = _HEADER_BYTES + 7
PLAIN_BATCH_BYTES_MAX = 8192

# By 256 * size of the batch + first byte of the key's length, for batches that were plain: what the record begins with,
# up to the key, or to the value where there is none; what the value behind a key begins with, and where. Equal sizes
# come again and again, and two comparisons of bytes take a third of the time that looking at each byte does.
_layouts: dict[int, tuple[bytes, bytes, int]] = {}
_LAYOUTS_KEPT = 16_384


def read_plain_batch(batch: bytes) -> tuple[int, int, int, int] | None:
    """(timestamp, producer id, producer epoch, sequence) of a batch as a client sends it, uncompressed, with one plain
    record, whose checksum holds; None for any other, be it valid or not.

    `batch` has PLAIN_BATCH_BYTES_MIN to PLAIN_BATCH_BYTES_MAX bytes."""
    # Hot: once per batch of nearly every produce request.
    size = len(batch)
    (
        base_offset, length, magic, crc, attributes, last_offset_delta, timestamp, max_timestamp, producer_id,
        producer_epoch, sequence, count,
    ) = _unpack(batch)  # fmt: skip
    if (
        magic != 2
        or length != size - 12
        or base_offset
        or attributes
        or last_offset_delta
        or count != 1
        or timestamp != max_timestamp
        or crc32c(batch[21:]) != crc
    ):
        return None
    # The record's size has one byte up to 63, two above.
    key = batch[65] if size < 126 else batch[66]
    layout = _layouts.get(size << 8 | key)
    if layout is None:
        try:
            if plain_record_null_keys(batch, _HEADER_BYTES, size) == NOT_PLAIN:
                return None
        except IndexError:
            return None
        _keep_layout(batch, size, key)
    elif (
        batch[-1]
        or not batch.startswith(layout[0], _HEADER_BYTES)
        or (layout[1] and not batch.startswith(layout[1], layout[2]))
    ):
        return None
    return timestamp, producer_id, producer_epoch, sequence


def _keep_layout(batch: bytes, size: int, key: int) -> None:
    """Note what batches like this plain one have in common, unless a number in it is written longer than it need be."""
    if len(_layouts) >= _LAYOUTS_KEPT:
        return
    size_bytes = size - _HEADER_BYTES - (1 if size < 126 else 2)
    key_bytes = 0 if key == 1 else key >> 1
    # Attributes, two deltas, the key's length and the count of headers are the other bytes.
    value_bytes = size_bytes - 5 - key_bytes
    value_bytes -= 1 if value_bytes < 65 else 2
    begin = encode_varint(size_bytes) + bytes((0, 0, 0, key))
    value = encode_varint(value_bytes)
    value_at = _HEADER_BYTES + len(begin) + key_bytes
    if batch.startswith(begin, _HEADER_BYTES) and batch.startswith(value, value_at):
        _layouts[size << 8 | key] = (begin + value, b"", 0) if key == 1 else (begin, value, value_at)


def plain_record_null_keys(buf: Buffer, at: int, end: int) -> int:
    """How many null keys (0 or 1) the only record of a batch has, which must fill `at` to `end`; NOT_PLAIN otherwise.

    Plain is: less than 1 MiB, attributes and deltas 0, a key of less than 64 bytes, a value that is there, no headers.
    IndexError where `buf` ends inside the record."""
    # Hot: one look at each byte. A zigzag number is even where it is not negative; its first byte is below 128 where it
    # has no second.
    size = buf[at]
    at += 1
    if size > 127:
        second = buf[at]
        at += 1
        size += (second - 1) << 7
        if second > 127:
            third = buf[at]
            at += 1
            size += (third - 1) << 14
            if third > 127:
                return NOT_PLAIN
    if size & 1 or at + (size >> 1) != end or buf[at] or buf[at + 1] or buf[at + 2]:
        return NOT_PLAIN
    key = buf[at + 3]
    at += 4
    if key != 1:
        if key & 129:
            return NOT_PLAIN
        at += key >> 1
    value = buf[at]
    at += 1
    if value > 127:
        second = buf[at]
        at += 1
        value += (second - 1) << 7
        if second > 127:
            third = buf[at]
            at += 1
            value += (third - 1) << 14
            if third > 127:
                return NOT_PLAIN
    if value & 1:
        return NOT_PLAIN
    at += value >> 1
    # The count of headers, 0, is the last byte.
    if at + 1 != end or buf[at]:
        return NOT_PLAIN
    return 1 if key == 1 else 0
