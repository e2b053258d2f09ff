"""The rest of one large frame, which the system puts where it belongs.

A frame of megabytes would else be copied twice: by the loop, out of its own buffer into pieces of 256 KiB, and by the
connection, which joins them. While the rest of such a frame is on its way this protocol stands in the connection's
place at the transport; everything that is not bytes it passes on.
"""

from __future__ import annotations

import asyncio
import ctypes
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from broker.network.connection import Connection

# Below this the copies cost less than what it takes to change the transport's protocol twice.
LARGE_FRAME_BYTES_MIN = 512 * 1024
# Room for the whole frame is made when an eighth of it has come: a size alone is cheaply sent.
ROOM_FACTOR_MAX = 8

# A bytearray that is not filled with zeros first, which would be a fifth of the CPU that such a frame costs. No byte of
# it is looked at before the frame has filled all of them.
_room_for = ctypes.pythonapi.PyByteArray_FromStringAndSize
_room_for.argtypes = (ctypes.c_char_p, ctypes.c_ssize_t)
_room_for.restype = ctypes.py_object


def deserves_room(frame_bytes: int, arrived_bytes: int) -> bool:
    """Whether there should be one buffer for all of a frame (its size included) of which so much has come."""
    return frame_bytes >= LARGE_FRAME_BYTES_MIN and arrived_bytes * ROOM_FACTOR_MAX >= frame_bytes


class LargeFrame(asyncio.BufferedProtocol):
    def __init__(self, connection: Connection, frame_bytes: int, pieces: list[bytes | bytearray]) -> None:
        """`pieces` are its beginning."""
        self.buffer: bytearray = _room_for(None, frame_bytes)
        self._connection = connection
        self._room = memoryview(self.buffer)
        for piece in pieces:
            self._room[: len(piece)] = piece
            self._room = self._room[len(piece) :]

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        self._connection.is_active = True
        self._room = self._room[nbytes:]
        if not self._room:
            # A transport may remember its former protocol, and would keep the frame with it.
            frame, self.buffer, self._room = self.buffer, bytearray(), memoryview(b"")
            self._connection.large_frame_received(frame)

    def connection_lost(self, error: Exception | None) -> None:
        self._connection.connection_lost(error)

    def pause_writing(self) -> None:
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        self._connection.resume_writing()
