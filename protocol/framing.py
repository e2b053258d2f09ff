"""Split a stream of bytes into frames: int32 size, then that many bytes.

`FrameSplitter` is fed whatever a socket gives and hands out whole frames. It refuses a size that is negative
or above its limit as soon as the four bytes are there, before anything of that frame is gathered.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from protocol.errors import ProtocolError

SIZE_BYTES = 4
_SIZE = struct.Struct(">i")


def frame(*parts: bytes | bytearray | memoryview) -> bytes:
    """The parts as one frame, its size in front."""
    return _SIZE.pack(sum(map(len, parts))) + b"".join(parts)


class FrameSplitter:
    """Of one connection. After a ProtocolError the stream has no frames any more: close the connection."""

    __slots__ = ("_gathered", "_pieces", "_wanted", "frame_bytes_max")

    def __init__(self, frame_bytes_max: int) -> None:
        self.frame_bytes_max = frame_bytes_max
        # The beginning of a frame that is not whole yet, in pieces: joined once, when its end is there. A
        # frame of 50 MB arrives in hundreds of pieces, and appending them to one buffer copies it many times.
        self._pieces: list[bytes] = []
        self._gathered = 0
        self._wanted = SIZE_BYTES

    def feed(self, data: bytes) -> Iterator[memoryview]:
        """The frames (without their sizes) that are whole now. Must be exhausted before the next call."""
        if self._pieces:
            self._pieces.append(data)
            self._gathered += len(data)
            if self._gathered < self._wanted:
                return
            data = b"".join(self._pieces)
            self._pieces = []
            self._gathered = 0
        view = memoryview(data)
        pos, end = 0, len(view)
        while end - pos >= SIZE_BYTES:
            (size,) = _SIZE.unpack_from(view, pos)
            if not 0 <= size <= self.frame_bytes_max:
                raise ProtocolError(f"frame of {size} bytes; the limit is {self.frame_bytes_max}")
            stop = pos + SIZE_BYTES + size
            if stop > end:
                self._keep(view[pos:], SIZE_BYTES + size)
                return
            yield view[pos + SIZE_BYTES : stop]
            pos = stop
        if pos < end:
            self._keep(view[pos:], SIZE_BYTES)

    def _keep(self, rest: memoryview, wanted: int) -> None:
        self._pieces = [bytes(rest)]
        self._gathered = len(rest)
        self._wanted = wanted
