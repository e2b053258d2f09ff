"""One file of the journal: a header sector, then frames, each on a sector boundary.

    segment header
    0               8       12      16              24                 512
    +---------------+-------+-------+---------------+------- ... -------+-------- ...
    | magic         | crc   | format| sequence of   | zeros             | frames
    | "MSJOURNL"    |       | version| first entry  |                   |
    +---------------+-------+-------+---------------+------- ... -------+-------- ...
                            |<----- CRC-32C ------->|

The file may be longer than its frames: a reused segment still holds frames of its earlier life behind them. Those
carry lower sequences, so they never continue the run.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from crc32c import crc32c

from wal.entry_format import (
    FRAME_HEADER_BYTES,
    FRAME_MAGIC,
    SECTOR_BYTES,
    Frame,
    FrameHeader,
    frame_is_intact,
    parse_frame_header,
    round_up_to_sector,
)
from wal.errors import CorruptionError
from wal.filesystem import File

SEGMENT_MAGIC = b"MSJOURNL"
FORMAT_VERSION = 1
SEGMENT_HEADER_BYTES = SECTOR_BYTES

_HEADER = struct.Struct(">8sIIQ")
_CHECKED = struct.Struct(">IQ")

# Segments are read in pieces of this size; a larger frame is read whole.
_READ_BYTES = 1 << 20


def encode_segment_header(first_sequence: int) -> bytes:
    crc = crc32c(_CHECKED.pack(FORMAT_VERSION, first_sequence))
    header = _HEADER.pack(SEGMENT_MAGIC, crc, FORMAT_VERSION, first_sequence)
    return header.ljust(SEGMENT_HEADER_BYTES, b"\0")


def check_segment_header(file: File, path: str, first_sequence: int) -> None:
    """CorruptionError unless `file` begins with the header that its name promises."""
    data = file.pread(_HEADER.size, 0)
    if len(data) < _HEADER.size:
        raise CorruptionError(f"{path} is cut inside its header ({len(data)} bytes); restore it from a copy")
    magic, crc, version, sequence = _HEADER.unpack(data)
    if magic != SEGMENT_MAGIC or crc != crc32c(_CHECKED.pack(version, sequence)):
        raise CorruptionError(f"{path} does not begin with a journal header; restore it from a copy")
    if version != FORMAT_VERSION:
        raise CorruptionError(
            f"{path} has journal format {version}, this program reads {FORMAT_VERSION}; use the program that wrote it"
        )
    if sequence != first_sequence:
        raise CorruptionError(f"{path} holds the segment of sequence {sequence}: it was renamed; name it back")


class SegmentFile:
    """The segment being written. One thread writes."""

    __slots__ = ("_file", "_former_bytes", "first_sequence", "path", "position")

    def __init__(self, file: File, path: str, first_sequence: int, position: int = SEGMENT_HEADER_BYTES) -> None:
        self._file = file
        self.path = path
        self.first_sequence = first_sequence
        self.position = position
        # As far as its blocks are written: a frame within them gives the file system nothing to record.
        self._former_bytes = file.size()

    @property
    def grown_bytes(self) -> int:
        """How far its frames reach beyond what the file was when it was begun or opened."""
        return max(self.position - self._former_bytes, 0)

    @property
    def is_empty(self) -> bool:
        return self.position == SEGMENT_HEADER_BYTES

    def write_frame(self, frame: Frame) -> None:
        """Durable on return; raises OSError, after which nothing more may be written."""
        self._file.write_durably(frame.buffers, self.position)
        self.position += frame.size_bytes

    def cut(self) -> None:
        """Give back what no frame has reached: whoever opens it need not look through that. May raise OSError."""
        if self._file.size() > self.position:
            self._file.truncate(self.position)

    def close(self) -> None:
        self._file.close()


@dataclass(slots=True)
class StoredFrame:
    """An intact frame and where it is; `data` is header and body."""

    position: int
    header: FrameHeader
    data: memoryview

    @property
    def end_position(self) -> int:
        """Where the next frame begins."""
        return round_up_to_sector(self.position + self.header.length)


class _ReadAhead:
    """Slices of a file, read in large pieces."""

    __slots__ = ("_data", "_end", "_file", "_start")

    def __init__(self, file: File, end: int) -> None:
        self._file = file
        self._end = end
        self._start = 0
        self._data = memoryview(b"")

    def slice(self, position: int, length: int) -> memoryview:
        """`length` bytes at `position`, fewer at the end."""
        offset = position - self._start
        if offset < 0 or offset + length > len(self._data):
            wanted = min(max(length, _READ_BYTES), max(self._end - position, 0))
            self._data = memoryview(self._file.pread(wanted, position))
            self._start = position
            offset = 0
        return self._data[offset : offset + length]


def read_frames(
    file: File, first_sequence: int, *, position: int = SEGMENT_HEADER_BYTES, end: int | None = None
) -> Iterator[StoredFrame]:
    """The frames from `position` in order, up to the first place that does not continue the run (or to `end`)."""
    size = file.size() if end is None else end
    source = _ReadAhead(file, size)
    expected = first_sequence
    while True:
        header = parse_frame_header(source.slice(position, FRAME_HEADER_BYTES))
        if header is None or header.first_sequence != expected or position + header.length > size:
            return
        data = source.slice(position, header.length)
        if not frame_is_intact(header, data):
            return
        frame = StoredFrame(position, header, data)
        yield frame
        position, expected = frame.end_position, header.last_sequence + 1


def find_later_frame(file: File, position: int, expected_sequence: int) -> StoredFrame | None:
    """The first intact frame at or behind `position` with a sequence above `expected_sequence`."""
    size = file.size()
    candidates = _ReadAhead(file, size)
    for start in range(position, size, SECTOR_BYTES):
        if candidates.slice(start, 4) != FRAME_MAGIC:
            continue
        header = parse_frame_header(candidates.slice(start, FRAME_HEADER_BYTES))
        if header is None or header.first_sequence <= expected_sequence or start + header.length > size:
            continue
        # Its own read: the candidates' buffer stays where the search is.
        data = memoryview(file.pread(header.length, start))
        if frame_is_intact(header, data):
            return StoredFrame(start, header, data)
    return None
