"""Zigzag varints of the record format, and the refusal every malformed record ends in.

A varint carries 32 bits in at most 5 bytes, a varlong 64 bits in at most 10, seven bits a byte, low bits
first, sign folded into bit 0 (0, -1, 1, -2 are written 0, 1, 2, 3). A longer one is INVALID_RECORD. Bits above
the width are dropped and a padded form (80 00) is read, both as Kafka's readers do.

`read_varint` and `read_varlong` raise IndexError where the data ends inside a number: the walkers turn that
into INVALID_RECORD once, instead of comparing positions at every byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocol.errors import ErrorCode, KafkaError

if TYPE_CHECKING:
    from protocol.records.compression import Buffer

# Numbers that are not negative take two, three, four bytes from here on.
TWO_BYTES_FROM, THREE_BYTES_FROM, FOUR_BYTES_FROM = 64, 8192, 1048576
# Below this many, lengths and offset deltas are looked up in VARINTS.
VARINTS_KNOWN = THREE_BYTES_FROM

NULL_LENGTH = b"\x01"  # -1


def invalid_record(message: str) -> KafkaError:
    """A batch whose checksum holds but whose content does not: sending it again would not help, so it is not
    the retriable CORRUPT_MESSAGE."""
    return KafkaError(ErrorCode.INVALID_RECORD, message)


def encode_varint(value: int) -> bytes:
    """Any value of up to 64 bits; the shortest form, which is the same for varint and varlong."""
    zigzag = (value << 1) ^ (value >> 63)
    out = bytearray()
    while zigzag > 127:
        out.append(zigzag & 127 | 128)
        zigzag >>= 7
    out.append(zigzag)
    return bytes(out)


VARINTS: list[bytes] = [encode_varint(value) for value in range(VARINTS_KNOWN)]
# Their first and last bytes, for numbers that ascend by one from record to record and are compared by the column.
FIRST_BYTES = bytes(varint[0] for varint in VARINTS)
LAST_BYTES = bytes(varint[-1] for varint in VARINTS)


def read_varint(data: Buffer, position: int) -> tuple[int, int]:
    """(value, position after it)."""
    byte = data[position]
    if byte < 128:
        return (byte >> 1) ^ -(byte & 1), position + 1
    zigzag, position = _read_long_form(data, position, bits_max=28)
    zigzag &= 0xFFFF_FFFF
    return (zigzag >> 1) ^ -(zigzag & 1), position


def read_varlong(data: Buffer, position: int) -> tuple[int, int]:
    """(value, position after it)."""
    byte = data[position]
    if byte < 128:
        return (byte >> 1) ^ -(byte & 1), position + 1
    zigzag, position = _read_long_form(data, position, bits_max=63)
    zigzag &= 0xFFFF_FFFF_FFFF_FFFF
    return (zigzag >> 1) ^ -(zigzag & 1), position


def _read_long_form(data: Buffer, position: int, bits_max: int) -> tuple[int, int]:
    result = 0
    shift = 0
    while True:
        byte = data[position]
        position += 1
        result |= (byte & 127) << shift
        if byte < 128:
            return result, position
        shift += 7
        if shift > bits_max:
            raise invalid_record(f"a varint at byte {position} is longer than its {bits_max // 7 + 1} bytes")
