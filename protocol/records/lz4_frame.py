"""LZ4 frames as Java's client and librdkafka write them, written and read here a block at a time.

    0   4  magic 04 22 4D 18
    4   1  FLG 60: version 1, independent blocks, no content size, no checksums but the header's
    5   1  BD 40: blocks unpack to 64 KiB at most
    6   1  header checksum: second byte of xxHash32 of FLG and BD
    7   …  blocks: size uint32, little-endian (bit 31: the bytes are not packed), bytes
    …   4  0

Setting up liblz4's reader of frames for every batch costs more than unpacking it does.
"""

from __future__ import annotations

from struct import Struct, error

import cramjam

_HEAD = b"\x04\x22\x4d\x18\x60\x40\x82"
_BLOCK_BYTES = 64 * 1024
_UNPACKED = 1 << 31
_SIZE = Struct("<I")
_END = _SIZE.pack(0)

# Rooms to unpack to that nobody uses: a new one is written with zeros first. As many as threads ever unpacked at once.
_rooms: list[bytearray] = []


def write_plain_frame(data: bytes, level: int | None) -> bytes:
    """`level` of the high-compression packer, None for the fast one."""
    view = memoryview(data)
    parts = [_HEAD]
    for start in range(0, len(data), _BLOCK_BYTES):
        block = bytes(view[start : start + _BLOCK_BYTES])
        if level is None:
            packed = bytes(cramjam.lz4.compress_block(block, store_size=False))
        else:
            packed = bytes(
                cramjam.lz4.compress_block(block, mode="high_compression", compression=level, store_size=False)
            )
        if len(packed) < len(block):
            parts += (_SIZE.pack(len(packed)), packed)
        else:
            parts += (_SIZE.pack(len(block) | _UNPACKED), block)
    parts.append(_END)
    return b"".join(parts)


def read_plain_frame(data: bytes | bytearray | memoryview, bytes_max: int) -> bytes | None:
    """What the frame unpacks to; None unless it is of this form, sound, alone and within the limit.

    Whatever else it may be, the general reader unpacks it or says what is wrong."""
    view = memoryview(data)
    if view[:7] != _HEAD:
        return None
    parts: list[bytes | memoryview] = []
    at = 7
    try:
        (size,) = _SIZE.unpack_from(view, at)
        while size:
            start = at + 4
            at = start + (size & ~_UNPACKED)
            # Looked at first, for the block may not be all there.
            (following,) = _SIZE.unpack_from(view, at)
            part = view[start:at] if size & _UNPACKED else _unpack_block(view[start:at])
            bytes_max -= len(part)
            if len(part) > _BLOCK_BYTES or bytes_max < 0:
                return None
            parts.append(part)
            size = following
    except (error, cramjam.DecompressionError):
        return None
    return b"".join(parts) if at + 4 == len(view) else None


def _unpack_block(block: memoryview) -> bytes:
    try:
        room = _rooms.pop()
    except IndexError:
        room = bytearray(_BLOCK_BYTES)
    try:
        return bytes(memoryview(room)[: cramjam.lz4.decompress_block_into(block, room)])
    finally:
        _rooms.append(room)
