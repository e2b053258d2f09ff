"""Messages that carry their own version: an int16 in front of the fields.

So travel the embedded consumer protocol, the values of `__consumer_offsets` and `__transaction_state`, and
their keys, where the number in front is not a version but the type of the record.
"""

from __future__ import annotations

import struct
from typing import TypeVar

from protocol.decoding import decoder
from protocol.encoding import encoder
from protocol.errors import ProtocolError
from protocol.schema import Message

M = TypeVar("M", bound=Message)

_PREFIX = struct.Struct(">h")
VERSION_BYTES = _PREFIX.size


def encode_prefixed(prefix: int, message: Message, version: int) -> bytes:
    out = bytearray(_PREFIX.pack(prefix))
    encoder(type(message), version)(message, out)
    return bytes(out)


def read_prefix(data: bytes | memoryview) -> int:
    if len(data) < VERSION_BYTES:
        raise ProtocolError(f"{len(data)} bytes where a version and a message must be")
    prefix: int = _PREFIX.unpack_from(data)[0]
    return prefix


def encode_versioned(message: Message, version: int) -> bytes:
    return encode_prefixed(version, message, version)


def decode_versioned(cls: type[M], data: bytes | memoryview) -> M:
    """The message with its version in front; an unknown version or left-over bytes raise ProtocolError."""
    return decode_body(cls, read_prefix(data), data)


def decode_body(cls: type[M], version: int, data: bytes | memoryview) -> M:
    """The message behind an int16 that the caller has read."""
    message, pos = decoder(cls, version)(memoryview(data), VERSION_BYTES)
    if pos != len(data):
        raise ProtocolError(f"{len(data) - pos} bytes after the end of {cls.__name__} v{version}")
    return message
