"""The variable-length primitives of the protocol, read and written out of line.

The compiled decoders and encoders handle short lengths themselves and come here for the rest: lengths above
126, nulls, tagged fields. Whatever cannot be what the protocol says raises `ProtocolError`; running off the
end of the buffer raises `IndexError` or leaves a position behind the end, which the callers turn into one.

    unsigned varint   7 bits a byte, least significant first, bit 7 set on all but the last; at most 5 bytes
    compact length    unsigned varint of length + 1; 0 is null
    tagged fields     count, then per field in order of tag: tag, size in bytes, value
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

from protocol.errors import ProtocolError

ZERO_UUID = bytes(16)
STRING_SIZE_MAX = 0x7FFF
"""Kafka refuses longer strings, also where the compact length could say more."""


def read_uvarint(buf: memoryview, pos: int) -> tuple[int, int]:
    """An unsigned varint, and the position after it."""
    result = shift = 0
    while True:
        byte = buf[pos]
        pos += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            if result > 0x7FFF_FFFF:
                raise ProtocolError(f"unsigned varint of {result} is out of range")
            return result, pos
        shift += 7
        if shift > 28:
            raise ProtocolError("unsigned varint of more than five bytes")


def put_uvarint(out: bytearray, value: int) -> None:
    while value > 0x7F:
        out.append((value & 0x7F) | 0x80)
        value >>= 7
    out.append(value)


def uvarint(value: int) -> bytes:
    """An unsigned varint of at least 128, mostly of two or three bytes."""
    if value < 1 << 14:
        return (value & 0x7F | value << 1 & 0x7F00 | 0x80).to_bytes(2, "little")
    if value < 1 << 21:
        return (value & 0x7F | value << 1 & 0x7F00 | value << 2 & 0x7F0000 | 0x8080).to_bytes(3, "little")
    out = bytearray()
    put_uvarint(out, value)
    return bytes(out)


def read_long_string(buf: memoryview, pos: int) -> tuple[str, int]:
    """A compact string of any length, and the position after it."""
    length, pos = read_uvarint(buf, pos)
    if length == 0:
        raise ProtocolError("null where a string must be")
    if length - 1 > STRING_SIZE_MAX:
        raise ProtocolError(f"string of {length - 1} bytes")
    stop = pos + length - 1
    return str(buf[pos:stop], "utf-8"), stop


def read_long_nullable_string(buf: memoryview, pos: int) -> tuple[str | None, int]:
    if buf[pos] == 0:
        return None, pos + 1
    return read_long_string(buf, pos)


def read_long_view(buf: memoryview, pos: int) -> tuple[memoryview, int]:
    """Compact bytes of any length, left where they are, and the position after them."""
    length, pos = read_uvarint(buf, pos)
    if length == 0:
        raise ProtocolError("null where bytes must be")
    stop = pos + length - 1
    if stop > len(buf):
        raise ProtocolError(f"{length - 1} bytes announced, {len(buf) - pos} left")
    return buf[pos:stop], stop


def read_long_nullable_view(buf: memoryview, pos: int) -> tuple[memoryview | None, int]:
    """As above, or null. One call instead of three for lengths of two bytes: every record set passes here."""
    first = buf[pos]
    if first == 0:
        return None, pos + 1
    second = buf[pos + 1]
    if first < 0x80 or second >= 0x80:
        return read_long_view(buf, pos)
    pos += 2
    stop = pos + (first & 0x7F | second << 7) - 1
    if stop > len(buf):
        raise ProtocolError(f"{stop - pos} bytes announced, {len(buf) - pos} left")
    return buf[pos:stop], stop


def read_long_bytes(buf: memoryview, pos: int) -> tuple[bytes, int]:
    view, pos = read_long_view(buf, pos)
    return bytes(view), pos


def read_long_nullable_bytes(buf: memoryview, pos: int) -> tuple[bytes | None, int]:
    view, pos = read_long_nullable_view(buf, pos)
    return (None if view is None else bytes(view)), pos


def read_unknown_tagged_fields(buf: memoryview, pos: int, count: int) -> tuple[list[tuple[int, bytes]], int]:
    """`count` tagged fields that this version does not know, as (tag, value)."""
    fields = []
    for _ in range(count):
        tag, pos = read_uvarint(buf, pos)
        value, pos = read_tagged_value(buf, pos)
        fields.append((tag, value))
    return fields, pos


def read_tagged_value(buf: memoryview, pos: int) -> tuple[bytes, int]:
    size, pos = read_uvarint(buf, pos)
    stop = pos + size
    if stop > len(buf):
        raise ProtocolError(f"tagged field of {size} bytes announced, {len(buf) - pos} left")
    return bytes(buf[pos:stop]), stop


def put_tagged_fields(
    out: bytearray,
    known: Iterable[tuple[int, bytes | bytearray]],
    unknown: Iterable[tuple[int, bytes]] | None,
) -> None:
    """Known and kept tagged fields together, in the order of their tags."""
    fields = sorted([*known, *(unknown or ())], key=lambda field: field[0])
    put_uvarint(out, len(fields))
    for tag, value in fields:
        put_uvarint(out, tag)
        put_uvarint(out, len(value))
        out += value


def refuse_length(length: int) -> NoReturn:
    raise ProtocolError("null where none may be" if length == -1 else f"negative length {length}")


def refuse_count(count: int, left: int) -> NoReturn:
    if count < 0:
        refuse_length(count)
    raise ProtocolError(f"array of {count} announced, {left} bytes left")


def refuse_presence(mark: int) -> NoReturn:
    raise ProtocolError(f"{mark} where a struct's presence (1 or -1) must be")


def refuse_tagged_size(tag: int) -> NoReturn:
    raise ProtocolError(f"the value of tagged field {tag} is not as long as announced")
