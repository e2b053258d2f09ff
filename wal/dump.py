"""Reading a journal for people: every entry that can be read, and every place that cannot, without changing a byte."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass

from wal.directory import JournalDirectory, segment_first_sequence
from wal.entry_format import entries_of
from wal.errors import CorruptionError, storage_error
from wal.filesystem import File, Filesystem
from wal.segment_file import SEGMENT_HEADER_BYTES, check_segment_header, find_later_frame, read_frames


@dataclass(frozen=True, slots=True)
class DumpedEntry:
    """An entry and the frame (one commit) it is in."""

    path: str
    frame_position: int
    sequence: int
    kind: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class DumpProblem:
    """Something that is not as the format says, with a sentence."""

    path: str
    position: int
    message: str


def dump(filesystem: Filesystem, path: str) -> Iterator[DumpedEntry | DumpProblem]:
    """The content of a segment file, or of all segments of a journal's directory, in order."""
    if segment_first_sequence(path.rpartition("/")[2]) is not None:
        yield from _dump_segment(filesystem, path)
        return
    directory = JournalDirectory(filesystem, path)
    try:
        segments = directory.segments()
    except OSError as error:
        raise storage_error(error, "list", path) from error
    expected = segments[0] if segments else 0
    for first_sequence in segments:
        segment_path = directory.segment_path(first_sequence)
        if first_sequence != expected:
            yield DumpProblem(
                segment_path, 0, f"entries {expected} to {first_sequence - 1} are missing before this file"
            )
        expected = yield from _dump_segment(filesystem, segment_path)


def _dump_segment(filesystem: Filesystem, path: str) -> Generator[DumpedEntry | DumpProblem, None, int]:
    """Yields the content; returns the sequence that the next segment should begin with."""
    first_sequence = segment_first_sequence(path.rpartition("/")[2])
    assert first_sequence is not None, path
    try:
        file = filesystem.open(path)
    except OSError as error:
        raise storage_error(error, "open", path) from error
    try:
        check_segment_header(file, path, first_sequence)
    except CorruptionError as error:
        yield DumpProblem(path, 0, str(error))
    try:
        return (yield from _dump_frames(file, path, first_sequence))
    except OSError as error:
        raise storage_error(error, "read", path) from error
    finally:
        file.close()


def _dump_frames(file: File, path: str, expected: int) -> Generator[DumpedEntry | DumpProblem, None, int]:
    position = SEGMENT_HEADER_BYTES
    while True:
        for frame in read_frames(file, expected, position=position):
            for entry in entries_of(frame.header, frame.data):
                yield DumpedEntry(path, frame.position, entry.sequence, entry.kind, bytes(entry.payload))
            position, expected = frame.end_position, frame.header.last_sequence + 1
        later = find_later_frame(file, position, expected)
        if later is None:
            break
        missing = later.header.first_sequence - 1
        yield DumpProblem(
            path, position, f"entries {expected} to {missing} cannot be read: damaged after they were acknowledged"
        )
        position, expected = later.position, later.header.first_sequence
    rest = file.size() - position
    if rest > 0 and file.pread(4, position).strip(b"\0"):
        yield DumpProblem(
            path, position, f"{rest} bytes behind the last commit: a torn commit, or an earlier life of this file"
        )
    return expected
