"""Answers to the socket: from memory by the transport, from files by the system (`sendfile`).

A stored piece of an answer goes from the page cache to the socket without being copied into this process and out of it
again. That needs a transport which has nothing to send before it and sends bytes as they are: what the socket does not
take, and every other case, is read and handed to the transport, which gathers, waits and reports as for any answer. So
a failed call needs no treatment here: what is wrong with the file shows when the rest is read, what is wrong with the
socket shows to the transport.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections import deque
from collections.abc import Sequence
from typing import Protocol, cast

from broker.network.exchange import Exchange


class StoredPiece(Protocol):
    """Bytes of an answer that lie in a file. The methods raise StorageError where they cannot be had any more."""

    @property
    def position(self) -> int: ...

    def __len__(self) -> int: ...

    def descriptor(self) -> int | None:
        """Of the file, for a call that follows at once; None where it has none."""
        ...

    def read(self) -> bytes: ...

    def without(self, count: int, /) -> StoredPiece:
        """What is left of it behind the first `count` bytes."""
        ...


Piece = bytes | bytearray | memoryview | StoredPiece

_IN_MEMORY = (bytes, bytearray, memoryview)
# Linux: what is sent is held back until what follows fills a packet. Elsewhere it goes out by itself.
_MORE_FOLLOWS: int = getattr(socket, "MSG_MORE", 0)


def take_answers(in_flight: deque[Exchange]) -> tuple[list[Piece], int]:
    """Remove the exchanges whose turn to be answered has come: (their answers, bytes of their requests)."""
    pieces: list[Piece] = []
    answered_bytes = 0
    while in_flight and (frame := in_flight[0].frame) is not None:
        answered_bytes += in_flight.popleft().request_bytes
        if isinstance(frame, list):
            pieces += frame
        elif frame:
            pieces.append(frame)
    return pieces, answered_bytes


def send(transport: asyncio.Transport, pieces: Sequence[Piece]) -> None:
    """StorageError where a stored piece cannot be had: the client then waits for bytes that never come.

    Hot: once a turn for every connection that has answers."""
    for piece in pieces:
        if not isinstance(piece, _IN_MEMORY):
            pieces = _send_from_files(transport, pieces)
            break
    in_memory = cast("Sequence[bytes | bytearray | memoryview]", pieces)
    if len(in_memory) == 1:
        transport.write(in_memory[0])
    elif in_memory:
        transport.writelines(in_memory)


def _send_from_files(transport: asyncio.Transport, pieces: Sequence[Piece]) -> Sequence[Piece]:
    """The pieces that are left for the transport, in memory."""
    descriptor = _socket_to_pass_by(transport)
    if descriptor is not None:
        pieces = _send_directly(descriptor, pieces)
    return [piece if isinstance(piece, _IN_MEMORY) else piece.read() for piece in pieces]


def _socket_to_pass_by(transport: asyncio.Transport) -> int | None:
    """The descriptor of its socket, if what is written to it now would go out now and as it is: nothing waits before
    it, and nothing encrypts it."""
    if transport.is_closing() or transport.get_write_buffer_size():
        return None
    if transport.get_extra_info("sslcontext") is not None:
        return None
    connected = transport.get_extra_info("socket")
    return None if connected is None else int(connected.fileno())


def _send_directly(descriptor: int, pieces: Sequence[Piece]) -> Sequence[Piece]:
    """Send what the socket takes at once; returns the rest."""
    # It borrows the transport's descriptor, for uvloop's own object cannot send.
    connected = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, descriptor)
    try:
        for index, piece in enumerate(pieces):
            try:
                if isinstance(piece, _IN_MEMORY):
                    sent = connected.send(piece, _MORE_FOLLOWS if index + 1 < len(pieces) else 0)
                else:
                    file = piece.descriptor()
                    sent = os.sendfile(descriptor, file, piece.position, len(piece)) if file is not None else 0
            except OSError:
                sent = 0
            if sent < len(piece):
                rest = memoryview(piece)[sent:] if isinstance(piece, _IN_MEMORY) else piece.without(sent)
                return [rest, *pieces[index + 1 :]]
    finally:
        connected.detach()
    return ()
