"""One request and the place of its answer in the connection's order."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from broker.request import CloseConnection, Deferred
from protocol.encoding import Detached
from protocol.encoding import Encoder as MessageEncoder

if TYPE_CHECKING:
    from broker.network.connection import Connection

# Size and correlation id; a flexible response header has one more byte, its empty tagged fields.
_RESPONSE_PREFIX = struct.Struct(">ii")
_SIZE = struct.Struct(">i")

Encoder = MessageEncoder[Any]


class Exchange:
    """`frame` is None until the answer is known; an empty frame means that none is sent (acks=0).

    It is in pieces where it has long records: those go to the socket from where the log read them."""

    __slots__ = ("connection", "correlation_id", "deferred", "encode", "flexible_header", "frame", "request_bytes")

    def __init__(
        self,
        connection: Connection,
        correlation_id: int,
        *,
        encode: Encoder,
        flexible_header: bool,
        request_bytes: int,
    ) -> None:
        self.connection = connection
        self.correlation_id = correlation_id
        self.encode = encode
        self.flexible_header = flexible_header
        self.request_bytes = request_bytes
        self.frame: bytes | bytearray | list[bytes | memoryview] | None = None
        # Set where the handler answers later: a produce request behind this one may then start before it is answered.
        self.deferred: Deferred | None = None

    def respond(self, response: object) -> None:
        """Encode the answer, which the connection sends in its turn. None sends nothing, CloseConnection hangs up."""
        assert self.frame is None, "an exchange was answered twice"
        if response is None:
            self.frame = b""
        elif isinstance(response, CloseConnection):
            self.connection.dispatcher.hang_up(self.connection, str(response))
            self.frame = b""
        else:
            out = bytearray(_RESPONSE_PREFIX.pack(0, self.correlation_id))
            if self.flexible_header:
                out.append(0)
            detached: list[Detached] = []
            self.encode(response, out, detached)
            if detached:
                self.frame = _in_pieces(out, detached)
            else:
                _SIZE.pack_into(out, 0, len(out) - 4)
                self.frame = out
        self.connection.answered()


def _in_pieces(out: bytearray, detached: list[Detached]) -> list[bytes | memoryview]:
    _SIZE.pack_into(out, 0, len(out) + sum([len(records) for _, records in detached]) - 4)
    written = memoryview(out)
    pieces: list[bytes | memoryview] = []
    start = 0
    for position, records in detached:
        pieces += (written[start:position], records)
        start = position
    pieces.append(written[start:])
    return pieces
