"""Message sets of magic 0 and 1, the record formats before Kafka 0.11.

    0   8  offset
    8   4  message size (bytes after this field)
    12  4  CRC-32 of everything from the magic on
    16  1  magic (0 or 1)
    17  1  attributes: bits 0-2 codec (0 none, 1 gzip, 2 snappy, 3 lz4), bit 3 timestamp type (magic 1)
    18  8  timestamp in ms (magic 1 only)
    …   4  key length (-1: null), key
    …   4  value length (-1: null), value

Compressed messages are a message set inside the value of a wrapper message. In magic 1 the wrapper has the
offset of its last message and the inner ones count from 0 (KIP-31); in magic 0 the inner offsets are absolute.
A wrapper with LogAppendTime gives its timestamp to all inner messages. Size and checksum errors are
CORRUPT_MESSAGE, errors inside a message whose checksum holds are INVALID_RECORD.
"""

from __future__ import annotations

import zlib
from struct import Struct, error
from typing import NamedTuple

from protocol.errors import ErrorCode, KafkaError
from protocol.records.batch import COMPRESSION_MASK, LOG_APPEND_TIME_BIT, LOG_OVERHEAD, MAGIC_POSITION
from protocol.records.compression import Buffer, Compression, compress, compression_of, decompress
from protocol.records.lz4_header import with_broken_checksum, with_proper_checksum
from protocol.records.record import INT64_MAX, INT64_MIN, Record
from protocol.records.varint import invalid_record

_HEADER = Struct(">qiIbb")
_CRC = Struct(">I")
_INT32 = Struct(">i")
_INT64 = Struct(">q")
_MESSAGE_BYTES_MIN = (14, 22)  # by magic: size of a message with null key and value
NO_TIMESTAMP = -1


class MessageSet(NamedTuple):
    """`compression` is the last wrapper's codec; `is_log_append_time` if every message says so."""

    records: list[Record]
    compression: Compression
    is_log_append_time: bool


class _Message(NamedTuple):
    offset: int
    magic: int
    attributes: int
    timestamp: int
    key: bytes | None
    value: bytes | None


def is_legacy(buf: Buffer, position: int = 0) -> bool:
    """Whether what starts at `position` has magic 0 or 1; the magic has the same place in all formats."""
    if len(buf) <= position + MAGIC_POSITION:
        raise _corrupt(f"{len(buf) - position} bytes are too few for a magic")
    return buf[position + MAGIC_POSITION] in (0, 1)


def read_message_set(buf: Buffer, *, decompressed_bytes_max: int) -> MessageSet:
    """All messages with absolute offsets, wrappers opened; a timestamp is -1 in magic 0.

    The limit is for all wrappers together."""
    records: list[Record] = []
    compression = Compression.NONE
    log_append_time = True
    for message in _read_messages(bytes(buf)):
        codec = compression_of(message.attributes)
        if codec is Compression.NONE:
            records.append(_record(message, message.offset, message.timestamp))
        else:
            compression = codec
            decompressed_bytes_max -= _open_wrapper(message, codec, decompressed_bytes_max, records)
        log_append_time = log_append_time and bool(message.attributes & LOG_APPEND_TIME_BIT)
    return MessageSet(records, compression, log_append_time and bool(records))


def _read_messages(data: bytes) -> list[_Message]:
    messages = []
    position = 0
    while position < len(data):
        message, position = _read_message(data, position)
        messages.append(message)
    return messages


def _read_message(data: bytes, position: int) -> tuple[_Message, int]:
    """(message, position after it)."""
    try:
        offset, size, crc, magic, attributes = _HEADER.unpack_from(data, position)
    except error:
        raise _corrupt("a message set ends inside a message header") from None
    if magic not in (0, 1):
        raise _corrupt(f"a message has magic {magic}")
    end = position + LOG_OVERHEAD + size
    if size < _MESSAGE_BYTES_MIN[magic] or end > len(data):
        raise _corrupt(f"a message of {size} bytes does not fit the {len(data) - position} bytes left")
    if zlib.crc32(memoryview(data)[position + MAGIC_POSITION : end]) != crc:
        raise _corrupt(f"the message at offset {offset} does not have the checksum {crc:#010x} it says")
    position += _HEADER.size
    timestamp = NO_TIMESTAMP
    if magic == 1:
        (timestamp,) = _INT64.unpack_from(data, position)
        position += 8
    key, position = _read_field(data, position, end - 4)
    value, position = _read_field(data, position, end)
    if position != end:
        raise invalid_record(f"{end - position} bytes follow the value of a message")
    return _Message(offset, magic, attributes, timestamp, key, value), end


def _read_field(data: bytes, position: int, end: int) -> tuple[bytes | None, int]:
    (size,) = _INT32.unpack_from(data, position)
    position += 4
    if size == -1:
        return None, position
    if size < 0 or position + size > end:
        raise invalid_record(f"a field of {size} bytes does not fit its message")
    return data[position : position + size], position + size


def _open_wrapper(wrapper: _Message, codec: Compression, bytes_max: int, records: list[Record]) -> int:
    """Adds the inner messages to `records`; answers how many bytes they took unpacked."""
    if wrapper.value is None:
        raise invalid_record("a compressed message has no value")
    data = wrapper.value
    if codec is Compression.ZSTD:
        raise _unsupported(wrapper.magic)
    if codec is Compression.LZ4:
        data = with_proper_checksum(data)
    data = decompress(codec, data, decompressed_bytes_max=bytes_max)
    messages = _read_messages(data)
    if not messages:
        raise invalid_record("a compressed message is empty")
    base = wrapper.offset - messages[-1].offset if wrapper.magic == 1 else 0
    log_append_time = wrapper.attributes & LOG_APPEND_TIME_BIT
    for message in messages:
        if message.attributes & COMPRESSION_MASK:
            raise invalid_record("a compressed message holds another")
        if message.magic != wrapper.magic:
            raise invalid_record(f"a message of magic {message.magic} lies in one of magic {wrapper.magic}")
        timestamp = wrapper.timestamp if log_append_time else message.timestamp
        records.append(_record(message, base + message.offset, timestamp))
    return len(data)


def _record(message: _Message, offset: int, timestamp: int) -> Record:
    if not INT64_MIN <= offset <= INT64_MAX:
        raise invalid_record(f"offset {offset} has more than 64 bits")
    return Record(offset, timestamp, message.key, message.value)


def write_message_set(
    records: list[Record], magic: int, compression: Compression, *, log_append_time: bool = False
) -> bytes:
    """`records` as messages of magic 0 or 1 at their offsets, in one wrapper if there is a codec.

    Headers do not exist in these formats and are dropped. UNSUPPORTED_COMPRESSION_TYPE for zstd."""
    attributes = LOG_APPEND_TIME_BIT if log_append_time and magic == 1 else 0
    if compression is Compression.ZSTD:
        raise _unsupported(magic)
    if compression is Compression.NONE or not records:
        return b"".join([_encode_message(magic, attributes, record, record.offset) for record in records])
    base = records[0].offset if magic == 1 else 0
    inner = b"".join([_encode_message(magic, attributes, record, record.offset - base) for record in records])
    packed = compress(compression, inner)
    if compression is Compression.LZ4 and magic == 0:
        packed = with_broken_checksum(packed)
    timestamp = max([record.timestamp for record in records])
    wrapper = Record(records[-1].offset, timestamp, None, packed)
    return _encode_message(magic, attributes | compression, wrapper, wrapper.offset)


def _encode_message(magic: int, attributes: int, record: Record, offset: int) -> bytes:
    key, value = record.key, record.value
    body = b"".join(
        (
            bytes((magic, attributes)),
            _INT64.pack(record.timestamp) if magic == 1 else b"",
            _INT32.pack(-1 if key is None else len(key)),
            key or b"",
            _INT32.pack(-1 if value is None else len(value)),
            value or b"",
        )
    )
    return b"".join((_INT64.pack(offset), _INT32.pack(len(body) + 4), _CRC.pack(zlib.crc32(body)), body))


def _corrupt(message: str) -> KafkaError:
    return KafkaError(ErrorCode.CORRUPT_MESSAGE, message)


def _unsupported(magic: int) -> KafkaError:
    return KafkaError(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, f"there is no zstd in messages of magic {magic}")
