"""What is done to a journal's files after a crash, before the journal is used again.

The rule. A frame is written only after the frame before it was synced, and a segment is begun only after every
frame of the one before was synced. So at any moment at most one frame, the last one written, is not yet durable,
and nothing in it was acknowledged. Reading the last segment from its start, the run ends at the first place that
does not hold an intact frame with the next sequence. Then:

1. An intact frame with a higher sequence lies at or behind that place: the place held acknowledged entries, which
   are damaged. CorruptionError; nothing is changed.
2. None does: the place holds nothing, a torn last frame (whose sectors reached the disk in any order or not at
   all), zeros, or older frames of a reused file. It is cut: truncated and synced.
3. An earlier segment must run up to the first sequence of the next one, else CorruptionError. (Checked when it is
   replayed, which reads it anyway.)

What the rule cannot tell: damage to the very last acknowledged frame looks like a torn one. It is cut, and only
its CRC could be said to have noticed. Copies on other nodes are the remedy, as for a lost disk.

The last intact frame is written again and synced before the journal goes on: after a failed sync the kernel may
serve from its cache bytes that the disk never took, and would not write them again by itself.

Each step may be interrupted: running it again from any crash gives the same journal.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from wal.directory import JournalDirectory
from wal.errors import CorruptionError, storage_error
from wal.filesystem import File
from wal.segment_file import (
    SEGMENT_HEADER_BYTES,
    SegmentFile,
    StoredFrame,
    check_segment_header,
    find_later_frame,
    read_frames,
)

FIRST_SEQUENCE = 1


@dataclass(slots=True)
class SealedSegment:
    """A segment that is never written again."""

    first_sequence: int
    size_bytes: int


@dataclass(slots=True)
class Recovered:
    """A journal ready to go on: its segments, the last of them open for writing."""

    sealed: list[SealedSegment]
    active: SegmentFile
    next_sequence: int
    cut_bytes: int


def recover(directory: JournalDirectory) -> Recovered:
    """Open the journal in `directory`, an empty one if there is none; cuts a torn tail."""
    segments = directory.prepare()
    if not segments:
        return _begin(directory)
    sealed = [_check_sealed(directory, first_sequence) for first_sequence in segments[:-1]]
    return _reopen_last(directory, sealed, segments[-1])


def _check_sealed(directory: JournalDirectory, first_sequence: int) -> SealedSegment:
    path = directory.segment_path(first_sequence)
    file = directory.open_segment(first_sequence)
    try:
        check_segment_header(file, path, first_sequence)
        return SealedSegment(first_sequence, file.size())
    except OSError as error:
        raise storage_error(error, "read", path) from error
    finally:
        file.close()


def _begin(directory: JournalDirectory) -> Recovered:
    try:
        active = directory.create_segment(FIRST_SEQUENCE)
    except OSError as error:
        raise storage_error(error, "create a journal in", directory.path) from error
    return Recovered([], active, FIRST_SEQUENCE, 0)


def _reopen_last(directory: JournalDirectory, sealed: list[SealedSegment], first_sequence: int) -> Recovered:
    path = directory.segment_path(first_sequence)
    file = directory.open_segment(first_sequence)
    try:
        check_segment_header(file, path, first_sequence)
        tail = deque(read_frames(file, first_sequence), maxlen=1)
        last = tail[0] if tail else None
        end = last.end_position if last else SEGMENT_HEADER_BYTES
        next_sequence = last.header.last_sequence + 1 if last else first_sequence
        _refuse_damage(file, path, end, next_sequence)
        cut_bytes = max(file.size() - end, 0)
        _make_tail_durable(file, last, end)
    except OSError as error:
        file.close()
        raise storage_error(error, "recover", path) from error
    except CorruptionError:
        file.close()
        raise
    return Recovered(sealed, SegmentFile(file, path, first_sequence, end), next_sequence, cut_bytes)


def _refuse_damage(file: File, path: str, end: int, expected_sequence: int) -> None:
    later = find_later_frame(file, end, expected_sequence)
    if later is not None:
        raise CorruptionError(
            f"{path} is damaged at byte {end}: entries {expected_sequence} to {later.header.first_sequence - 1} were "
            f"acknowledged and cannot be read, but entry {later.header.first_sequence} at byte {later.position} can; "
            "restore the file from a copy, or look at it with `millstream log dump`"
        )


def _make_tail_durable(file: File, last: StoredFrame | None, end: int) -> None:
    if file.size() != end:
        file.truncate(end)
    if last is not None:
        file.pwrite(last.data, last.position)
    file.datasync()
