"""The check of the commonest batches there are: small, most of them of one record without headers, not compressed.

A producer that does not linger sends nothing else, and walking its record with the general loop costs more than its
checksum. What this accepts is what check.py accepts (a test holds it to that); everything it does not accept it leaves
to check.py, which may still, and says why if it does not.
"""

from __future__ import annotations

from struct import Struct

from crc32c import crc32c

from protocol.errors import KafkaError
from protocol.records.compression import Buffer, Compression, decompress
from protocol.records.record import INT64_MIN
from protocol.records.varint import encode_varint
from protocol.records.walk_all import walk_records

NOT_PLAIN = -1

# All of a batch's header but the leader epoch and, with the count of records, what its first record begins with.
_unpack = Struct(">qi4xbIhiqqqhi10s2s").unpack_from
_HEADER_BYTES = 61
_CHECKED_FROM = 21
_COUNT_AT = 57
_BEGIN_BYTES = 10
PLAIN_BATCH_BYTES_MIN = _COUNT_AT + _BEGIN_BYTES + 2
# As much as Kafka's Java client gathers by default (batch.size). What a larger one would gain is lost in copying it.
PLAIN_BATCH_BYTES_MAX = 16_384

# The attributes of batches that have no other than a codec. Whether zstd may be sent, the request's version says.
_CODECS = (Compression.NONE, Compression.GZIP, Compression.SNAPPY, Compression.LZ4)
# Little that unpacks to more is looked at elsewhere.
_UNPACKED_BYTES_MAX = 1024 * 1024

# (checked bytes, checksum, max timestamp, producer id, producer epoch, base sequence, last offset delta). What is
# checked is all from the attributes on.
PlainBatch = tuple[bytes, int, int, int, int, int, int]

# By the ten bytes from the count of records on, of batches of one plain record: the size of the record, its attributes
# and deltas, the key's length. The batch's length; the length of a value right behind those ten bytes, if it takes two;
# any other value's, and where in the batch it is. Records of one size come again and again, and a look at all of these
# bytes at once takes a third of the time that one at each does.
_Layout = tuple[int, bytes, bytes, int]
_layouts: dict[bytes, _Layout] = {}
_LAYOUTS_KEPT = 16_384
# Above this the size takes three bytes, and the key's length is not among those ten.
_LAYOUT_BATCH_BYTES_MAX = 8192


def read_plain_batch(data: bytes, start: int, end: int) -> PlainBatch | None:
    """The batch from `start` to `end`, if it is as clients send them, with a checksum that holds and records that are
    well formed; None for any other, be it valid or not.

    It has PLAIN_BATCH_BYTES_MIN to PLAIN_BATCH_BYTES_MAX bytes."""
    # Hot: once per batch of nearly every produce request.
    (
        base_offset, length, magic, crc, attributes, last_offset_delta, timestamp, max_timestamp, producer_id,
        producer_epoch, sequence, begin, behind,
    ) = _unpack(data, start)  # fmt: skip
    checked = data[start + _CHECKED_FROM : end]
    if magic != 2 or length != end - start - 12 or base_offset or attributes not in _CODECS or crc32c(checked) != crc:
        return None
    layout = None if attributes else _layouts.get(begin)
    if (
        layout is None
        or length != layout[0]
        or checked[-1]
        or last_offset_delta
        or timestamp != max_timestamp
        or (behind != layout[1] and not (layout[2] and data.startswith(layout[2], start + layout[3])))
    ) and not _are_records_plain(data[start:end], attributes, begin, last_offset_delta, timestamp, max_timestamp):
        return None
    return checked, crc, max_timestamp, producer_id, producer_epoch, sequence, last_offset_delta


def _are_records_plain(
    batch: bytes, codec: int, begin: bytes, last_offset_delta: int, base_timestamp: int, max_timestamp: int
) -> bool:
    """Whether there is nothing wrong with the records, and the header says the right things about them."""
    count = int.from_bytes(begin[:4], "big")
    if count != last_offset_delta + 1 or not count:
        return False
    try:
        if codec:
            block = memoryview(batch)[_HEADER_BYTES:]
            records, at = decompress(_CODECS[codec], block, decompressed_bytes_max=_UNPACKED_BYTES_MAX), 0
        elif count == 1 and plain_record_null_keys(batch, _HEADER_BYTES, len(batch)) != NOT_PLAIN:
            _keep_layout(batch, begin)
            return base_timestamp == max_timestamp
        else:
            records, at = batch, _HEADER_BYTES
        end, low, high, _ = walk_records(records, at, count)
    except (IndexError, KafkaError):
        return False
    return end == len(records) and base_timestamp + high == max_timestamp and base_timestamp + low >= INT64_MIN


def _keep_layout(batch: bytes, begin: bytes) -> None:
    """Note what batches like this plain one have in common, unless a number in it is written longer than it need be."""
    if len(_layouts) >= _LAYOUTS_KEPT or len(batch) > _LAYOUT_BATCH_BYTES_MAX:
        return
    size_bytes = 1 if batch[_HEADER_BYTES] < 128 else 2
    record_bytes = len(batch) - _HEADER_BYTES - size_bytes
    # Behind the size: attributes, two deltas and the key's length.
    key_at = _HEADER_BYTES + size_bytes + 4
    key = batch[key_at - 1]
    key_bytes = 0 if key == 1 else key >> 1
    # Those, and the count of headers, are all that is neither key nor value.
    value_bytes = record_bytes - 5 - key_bytes
    value_bytes -= 1 if value_bytes < 65 else 2
    value = encode_varint(value_bytes)
    value_at = key_at + key_bytes
    if batch.startswith(encode_varint(record_bytes), _HEADER_BYTES) and batch.startswith(value, value_at):
        is_behind = value_at == _COUNT_AT + _BEGIN_BYTES and len(value) == 2
        _layouts[begin] = (len(batch) - 12, value, b"", 0) if is_behind else (len(batch) - 12, b"", value, value_at)


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
