"""What requests of one kind need on their way to another node, looked up once a connection."""

from __future__ import annotations

import struct

from protocol import Request, encoder
from protocol.headers import RequestHeader, encode_request_header

_SIZE = struct.Struct(">i")
# Behind size, API key and version.
_CORRELATION_ID = struct.Struct(">i")
_CORRELATION_ID_AT = 8


class PeerRoute:
    """Requests of `request_type` in `version`; their frames differ in size, correlation id and message."""

    __slots__ = ("_before_message", "_encode", "key", "version")

    def __init__(self, request_type: type[Request], version: int, client_id: str) -> None:
        key = request_type.__schema__.api
        assert key is not None, f"{request_type.__name__} is no request"
        self.key = key
        self.version = version
        self._encode = encoder(request_type, version)
        self._before_message = _SIZE.pack(0) + encode_request_header(RequestHeader(key, version, 0, client_id))

    def frame(self, request: Request, correlation_id: int) -> bytearray:
        out = bytearray(self._before_message)
        self._encode(request, out)
        _SIZE.pack_into(out, 0, len(out) - _SIZE.size)
        _CORRELATION_ID.pack_into(out, _CORRELATION_ID_AT, correlation_id)
        return out
