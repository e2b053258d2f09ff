"""The wrong lz4 header checksum of Kafka 0.8 and 0.9 (KAFKA-3160), which message sets of magic 0 still carry.

    0   4  magic 04 22 4D 18
    4   1  FLG (bit 3: content size follows, bit 0: dictionary id follows)
    5   1  BD
    6   …  content size int64, dictionary id int32, each if flagged
    …   1  header checksum: second byte of xxHash32

The checksum is over what lies between magic and checksum. Kafka's first writers included the magic, so their
frames are refused by every proper reader, and proper frames were refused by them.
"""

from __future__ import annotations

from protocol.records.compression import Buffer

_MAGIC = b"\x04\x22\x4d\x18"
_CONTENT_SIZE_FLAG = 0x08
_DICTIONARY_FLAG = 0x01
_PRIME_1 = 2654435761
_PRIME_2 = 2246822519
_PRIME_3 = 3266489917
_PRIME_4 = 668265263
_PRIME_5 = 374761393
_MASK = 0xFFFF_FFFF


def with_proper_checksum(frame: Buffer) -> bytes:
    """The frame with the header checksum a proper reader expects; what is no frame is left alone."""
    return _with_checksum_from(frame, 4)


def with_broken_checksum(frame: Buffer) -> bytes:
    """The frame with the header checksum that readers of magic 0 expect."""
    return _with_checksum_from(frame, 0)


def _with_checksum_from(frame: Buffer, start: int) -> bytes:
    data = bytes(frame)
    if len(data) < 7 or not data.startswith(_MAGIC):
        return data
    at = 6 + 8 * bool(data[4] & _CONTENT_SIZE_FLAG) + 4 * bool(data[4] & _DICTIONARY_FLAG)
    # xxHash32 needs its long form from 16 bytes on; no Kafka client writes dictionary ids.
    if at >= len(data) or at - start > 15:
        return data
    return data[:at] + bytes([xxhash32_short(data[start:at]) >> 8 & 0xFF]) + data[at + 1 :]


def xxhash32_short(data: bytes) -> int:
    """xxHash32, seed 0, of fewer than 16 bytes."""
    assert len(data) < 16, "the short form"
    value = _PRIME_5 + len(data)
    whole = len(data) & ~3
    for at in range(0, whole, 4):
        value = value + int.from_bytes(data[at : at + 4], "little") * _PRIME_3 & _MASK
        value = _rotate_left(value, 17) * _PRIME_4 & _MASK
    for byte in data[whole:]:
        value = value + byte * _PRIME_5 & _MASK
        value = _rotate_left(value, 11) * _PRIME_1 & _MASK
    value = (value ^ value >> 15) * _PRIME_2 & _MASK
    value = (value ^ value >> 13) * _PRIME_3 & _MASK
    return value ^ value >> 16


def _rotate_left(value: int, bits: int) -> int:
    return (value << bits | value >> 32 - bits) & _MASK
