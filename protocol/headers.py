"""What stands before a message in its frame: request header v1 and v2, response header v0 and v1.

    request   api key int16 · api version int16 · correlation id int32 · client id nullable string (never
              compact) · v2: tagged fields
    response  correlation id int32 · v1: tagged fields

A request has header v2 and a response header v1 from the first flexible version of its API on. The one
exception: ApiVersions responses always have header v0, for a client that asked in a version which the broker
does not know must be able to read the answer (KIP-511). SaslHandshake and OffsetDelete are never flexible.
"""

from __future__ import annotations

import struct

from protocol.api_keys import ApiKey
from protocol.errors import ProtocolError
from protocol.messages import REQUESTS
from protocol.primitives import read_unknown_tagged_fields, read_uvarint

_FLEXIBLE_SINCE = {int(key): cls.__schema__.flexible_since for key, cls in REQUESTS.items()}
_NOT_AN_API = 1 << 15  # above every version: of an API that we do not know we read the older header

_REQUEST = struct.Struct(">hhih")
_CORRELATION_ID = struct.Struct(">i")
_FLEXIBLE_RESPONSE = struct.Struct(">ix")


class RequestHeader:
    __slots__ = ("api_key", "api_version", "client_id", "correlation_id")

    def __init__(self, api_key: int, api_version: int, correlation_id: int, client_id: str | None) -> None:
        self.api_key = api_key
        self.api_version = api_version
        self.correlation_id = correlation_id
        self.client_id = client_id

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RequestHeader):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return (
            f"RequestHeader(api_key={self.api_key}, api_version={self.api_version}, "
            f"correlation_id={self.correlation_id}, client_id={self.client_id!r})"
        )


def request_header_is_flexible(api_key: int, api_version: int) -> bool:
    """Whether requests of this version have header v2. Holds for versions that we do not know, too."""
    return api_version >= _FLEXIBLE_SINCE.get(api_key, _NOT_AN_API)


def response_header_is_flexible(api_key: int, api_version: int) -> bool:
    return api_key != ApiKey.API_VERSIONS and request_header_is_flexible(api_key, api_version)


def decode_request_header(buf: memoryview) -> tuple[RequestHeader, int]:
    """The header at the start of a frame (without its size), and where the message begins."""
    try:
        api_key, api_version, correlation_id, length = _REQUEST.unpack_from(buf)
        pos = 10
        if length >= 0:
            client_id = str(buf[10 : 10 + length], "utf-8")
            pos += length
        elif length == -1:
            client_id = None
        else:
            raise ProtocolError(f"client id of negative length {length}")
        if api_version >= _FLEXIBLE_SINCE.get(api_key, _NOT_AN_API):  # inlined: every request passes here
            pos = pos + 1 if buf[pos] == 0 else _skip_tagged_fields(buf, pos)
    except (struct.error, IndexError, UnicodeDecodeError) as wrong:
        raise ProtocolError(f"malformed request header: {wrong}") from wrong
    if pos > len(buf):
        raise ProtocolError("request header is cut short")
    return RequestHeader(api_key, api_version, correlation_id, client_id), pos


def encode_request_header(header: RequestHeader) -> bytes:
    client_id = None if header.client_id is None else header.client_id.encode()
    length = -1 if client_id is None else len(client_id)
    fixed = _REQUEST.pack(header.api_key, header.api_version, header.correlation_id, length)
    tagged = b"\0" if request_header_is_flexible(header.api_key, header.api_version) else b""
    return fixed + (client_id or b"") + tagged


def response_header(api_key: int, api_version: int, correlation_id: int) -> bytes:
    if response_header_is_flexible(api_key, api_version):
        return _FLEXIBLE_RESPONSE.pack(correlation_id)
    return _CORRELATION_ID.pack(correlation_id)


def decode_response_header(buf: memoryview, api_key: int, api_version: int) -> tuple[int, int]:
    """The correlation id of a response to such a request, and where the message begins."""
    try:
        (correlation_id,) = _CORRELATION_ID.unpack_from(buf)
        pos = 4
        if response_header_is_flexible(api_key, api_version):
            pos = _skip_tagged_fields(buf, pos)
    except (struct.error, IndexError) as wrong:
        raise ProtocolError(f"malformed response header: {wrong}") from wrong
    return correlation_id, pos


def _skip_tagged_fields(buf: memoryview, pos: int) -> int:
    count, pos = read_uvarint(buf, pos)
    return read_unknown_tagged_fields(buf, pos, count)[1]
