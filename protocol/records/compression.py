"""The five codecs of Kafka, with a limit on what they may unpack to.

Every `decompress` is bounded by `decompressed_bytes_max`: gzip, lz4 and zstd write into a buffer that grows up
to the limit and never beyond it, snappy says its size up front and is refused before a byte is unpacked.
Broken streams and bombs are INVALID_RECORD: the batch's checksum held, so a retry would send the same bytes.

snappy is written in the framing of Java's SnappyOutputStream (xerial), which every client reads, and read in
that framing or as one raw block (old librdkafka, Go clients). The xerial stream:

    0   8  \\x82 S N A P P Y \\0
    8   4  version (1)
    12  4  lowest compatible version (1)
    16  …  blocks: length int32, raw snappy of at most 32 KiB unpacked
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from struct import Struct

import cramjam

from protocol.records.lz4_frame import read_plain_frame, write_plain_frame
from protocol.records.varint import invalid_record

Buffer = bytes | bytearray | memoryview


class Compression(IntEnum):
    """Codec numbers as in the low three bits of a batch's or message's attributes."""

    NONE = 0
    GZIP = 1
    SNAPPY = 2
    LZ4 = 3
    ZSTD = 4


_BY_ID = tuple(Compression)

# Kafka's compression.*.level defaults. Its lz4 default, 9, stands for the fast compressor, not for level 9 of
# the high-compression one.
_GZIP_DEFAULT_LEVEL = 6
_LZ4_DEFAULT_LEVEL = 9
_ZSTD_DEFAULT_LEVEL = 3

# The room that is tried first: to unpack once more costs as much again, and so does room that is not used. Records
# that are much alike pack to a thirtieth; where that would be a lot of room, it is not given at once.
_ROOM_BYTES_MIN = 16 * 1024
_AMPLE_ROOM_BYTES_MAX = 128 * 1024
_AMPLE_FACTOR, _FACTOR = 32, 4
_OUTPUT_FULL = "failed to write whole buffer"  # how cramjam says that the output buffer is too small

_XERIAL_MAGIC = b"\x82SNAPPY\0"
_XERIAL_HEADER = _XERIAL_MAGIC + b"\0\0\0\x01" * 2
_XERIAL_BLOCK_BYTES = 32 * 1024
_LENGTH = Struct(">i")


def compression_of(attributes: int) -> Compression:
    """The codec in the low bits of `attributes`; INVALID_RECORD for the numbers Kafka has not given out."""
    codec = attributes & 7
    if codec > Compression.ZSTD:
        raise invalid_record(f"compression type {codec} does not exist")
    return _BY_ID[codec]


def compress(codec: Compression, data: Buffer, level: int | None = None) -> bytes:
    """`level` in the units of Kafka's compression.<codec>.level; None is Kafka's default."""
    if codec is Compression.NONE:
        return bytes(data)
    if codec is Compression.GZIP:
        # -1 is the name of the default in compression.gzip.level.
        return bytes(cramjam.gzip.compress(data, _GZIP_DEFAULT_LEVEL if level in (None, -1) else level))
    if codec is Compression.SNAPPY:
        return _compress_snappy(data)
    if codec is Compression.LZ4:
        return write_plain_frame(bytes(data), None if level == _LZ4_DEFAULT_LEVEL else level)
    return bytes(cramjam.zstd.compress(data, _ZSTD_DEFAULT_LEVEL if level is None else level))


def decompress(codec: Compression, data: Buffer, *, decompressed_bytes_max: int) -> bytes:
    """The unpacked bytes; INVALID_RECORD if the stream is broken or unpacks to more than the limit."""
    if codec is Compression.NONE:
        return bytes(data)
    if codec is Compression.SNAPPY:
        return _decompress_snappy(data, decompressed_bytes_max)
    decompress_into: Callable[[Buffer, bytearray], int]
    if codec is Compression.GZIP:
        decompress_into = cramjam.gzip.decompress_into
    elif codec is Compression.LZ4:
        unpacked = read_plain_frame(data, decompressed_bytes_max)
        if unpacked is not None:
            return unpacked
        decompress_into = cramjam.lz4.decompress_into
    else:
        decompress_into = cramjam.zstd.decompress_into
    return _decompress_bounded(codec, decompress_into, data, decompressed_bytes_max)


def _decompress_bounded(
    codec: Compression,
    decompress_into: Callable[[Buffer, bytearray], int],
    data: Buffer,
    bytes_max: int,
) -> bytes:
    ample = min(_AMPLE_FACTOR * len(data), _AMPLE_ROOM_BYTES_MAX)
    size = min(max(_ROOM_BYTES_MIN, ample, _FACTOR * len(data)), bytes_max)
    while True:
        output = bytearray(size)
        try:
            written = decompress_into(data, output)
        except cramjam.DecompressionError as error:
            if _OUTPUT_FULL not in str(error):
                raise invalid_record(f"a {codec.name.lower()} stream is broken: {error}") from error
            if size >= bytes_max:
                raise _too_large(codec, bytes_max) from error
            size = min(size * _FACTOR, bytes_max)
        else:
            return bytes(memoryview(output)[:written])


def _too_large(codec: Compression, bytes_max: int) -> Exception:
    return invalid_record(f"a {codec.name.lower()} stream unpacks to more than {bytes_max} bytes")


def _compress_snappy(data: Buffer) -> bytes:
    view = memoryview(data)
    parts: list[bytes] = [_XERIAL_HEADER]
    for start in range(0, len(view), _XERIAL_BLOCK_BYTES):
        block = bytes(cramjam.snappy.compress_raw(view[start : start + _XERIAL_BLOCK_BYTES]))
        parts += (_LENGTH.pack(len(block)), block)
    return b"".join(parts)


def _decompress_snappy(data: Buffer, bytes_max: int) -> bytes:
    view = memoryview(data)
    if view[: len(_XERIAL_MAGIC)] != _XERIAL_MAGIC:
        return _decompress_snappy_block(view, bytes_max)
    parts: list[bytes] = []
    position = len(_XERIAL_HEADER)
    while position < len(view):
        # A stream may hold several streams one after the other, each with its header.
        if view[position : position + len(_XERIAL_MAGIC)] == _XERIAL_MAGIC:
            position += len(_XERIAL_HEADER)
            continue
        end = position + 4
        if end <= len(view):
            (length,) = _LENGTH.unpack_from(view, position)
            end = end + length if length >= 0 else len(view) + 1
        if end > len(view):
            raise invalid_record("a snappy stream ends inside a block")
        parts.append(_decompress_snappy_block(view[position + 4 : end], bytes_max))
        bytes_max -= len(parts[-1])
        position = end
    if position > len(view):
        raise invalid_record("a snappy stream ends inside its header")
    return b"".join(parts)


def _decompress_snappy_block(block: memoryview, bytes_max: int) -> bytes:
    try:
        if cramjam.snappy.decompress_raw_len(block) > bytes_max:
            raise _too_large(Compression.SNAPPY, bytes_max)
        return bytes(cramjam.snappy.decompress_raw(block))
    except cramjam.DecompressionError as error:
        raise invalid_record(f"a snappy block is broken: {error}") from error
