"""The group-commit journal: entries gather in a queue, one commit makes all of them durable.

    event loop                               committer thread
    enqueue(kind, parts) -> sequence  ...    commit() -> highest durable sequence: takes what has gathered,
    enqueue(kind, parts) -> sequence         one frame, one write that returns when it is on the disk

No lock: `enqueue` appends to a deque and counts, `commit` pops from its other end. While one commit waits for the
disk the next one gathers, so batches grow with the load and no timer decides.

Invariant: `durable_sequence` covers only entries whose frame was written and synced, and every one before them.
The first failure poisons the journal: what it held is in doubt, so nothing later is ever acknowledged; opening it
again after the restart finds out what the disk kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from itertools import pairwise

from wal.directory import JournalDirectory
from wal.entry_format import KIND_MAX, Entry, Frame, Gathered, entries_of, take_frame
from wal.errors import CorruptionError, JournalPoisoned, StorageError, storage_error
from wal.filesystem import Buffer, Filesystem
from wal.limits import DEFAULT_LIMITS, JournalLimits
from wal.recovery import Recovered, SealedSegment, recover
from wal.segment_file import SegmentFile, check_segment_header, read_frames
from wal.spare_in_making import SpareInMaking

# A spare much larger than a segment (it held one huge commit) would keep that disk space for ever.
_REUSABLE_SEGMENTS = 2
# One that was left early for a prepared spare would make little of a segment.
_REUSABLE_PART = 8

# A spare is prepared for a journal that is written: when its segment has grown by this (or by a part of a small one).
_PREPARE_AFTER_BYTES = 256 * 1024
_PREPARE_AFTER_PART = 4
# Written once in the journal's life: the segments of the larger profiles, for bulk, grow beyond it.
_PREPARED_BYTES_MAX = 64 * 1024 * 1024
# What is prepared must not be what fills the disk: so many times its size must be free.
_FREE_FACTOR_MIN = 8


class Journal:
    """Three threads at most: one enqueues, one commits, one trims and prepares; each method says which."""

    __slots__ = (
        "_active",
        "_directory",
        "_failure",
        "_gathered",
        "_may_prepare",
        "_next_sequence",
        "_preparing",
        "_sealed",
        "cut_bytes",
        "durable_sequence",
        "limits",
    )

    def __init__(self, directory: JournalDirectory, recovered: Recovered, limits: JournalLimits) -> None:
        """Use `Journal.open`."""
        self.limits = limits
        # The highest sequence known to be on the disk; 0 in an empty journal.
        self.durable_sequence = recovered.next_sequence - 1
        # What recovery cut off the end: a torn commit, or the unused rest of a reused segment.
        self.cut_bytes = recovered.cut_bytes
        self._directory = directory
        self._active = recovered.active
        self._sealed: list[SealedSegment] = recovered.sealed
        self._next_sequence = recovered.next_sequence
        self._gathered: deque[Gathered] = deque()
        self._failure: str | None = None
        # Once in its life: later on trimmed segments are the spares.
        self._may_prepare = limits.spare_segments_max > 0
        self._preparing: SpareInMaking | None = None

    @staticmethod
    def open(filesystem: Filesystem, directory: str, limits: JournalLimits = DEFAULT_LIMITS) -> Journal:
        """Open or begin the journal in `directory`, recovering from a crash.

        CorruptionError where acknowledged entries of the last segment are damaged (see `wal.recovery`).
        """
        files = JournalDirectory(filesystem, directory, spares_max=limits.spare_segments_max)
        return Journal(files, recover(files), limits)

    @property
    def next_sequence(self) -> int:
        """What the next `enqueue` will answer."""
        return self._next_sequence

    @property
    def size_bytes(self) -> int:
        """About what a replay would read: all segments as far as they are written."""
        return sum(segment.size_bytes for segment in list(self._sealed)) + self._active.position

    def enqueue(self, kind: int, parts: Sequence[Buffer]) -> int:
        """Queue one entry, its payload given as parts (of bytes); returns its sequence. O(1), loop thread only.

        The parts must not change until the entry is durable. The caller bounds how much may wait.
        """
        if self._failure is not None:
            raise JournalPoisoned(self._failure)
        assert 0 <= kind <= KIND_MAX, kind
        sequence = self._next_sequence
        self._next_sequence = sequence + 1
        self._gathered.append((kind, parts))
        return sequence

    def commit(self) -> int:
        """Make what has gathered durable, within the limits of one commit; returns `durable_sequence`.

        Committer thread only. Call again while the answer is below the last enqueued sequence. Raises StorageError
        when it fails and JournalPoisoned ever after.
        """
        if self._failure is not None:
            raise JournalPoisoned(self._failure)
        if not self._gathered:
            return self.durable_sequence
        # Whatever interrupts the next lines, what they took from the queue is lost: only success lifts this.
        failure: str = "a commit was interrupted"
        committed = False
        try:
            frame = take_frame(
                self._gathered,
                self.durable_sequence + 1,
                bytes_max=self.limits.commit_bytes_max,
                entries_max=self.limits.commit_entries_max,
            )
            self._write(frame)
            committed = True
        except StorageError as error:
            failure = str(error)
            raise
        finally:
            if not committed:
                self._poison(failure)
        self.durable_sequence += frame.entry_count
        return self.durable_sequence

    def _write(self, frame: Frame) -> None:
        active = self._active
        try:
            if not active.is_empty and self._is_over(active, frame):
                active = self._roll()
            active.write_frame(frame)
        except OSError as error:
            raise storage_error(error, "write the journal", active.path) from error

    def _is_over(self, active: SegmentFile, frame: Frame) -> bool:
        if active.position + frame.size_bytes > self.limits.segment_bytes:
            return True
        # A file that grows with each commit costs half as much time again as one that has its blocks.
        return self._directory.has_prepared and active.grown_bytes > 0

    def _roll(self) -> SegmentFile:
        full = self._active
        # Every frame of `full` is durable already: a commit returns only after its sync.
        self._active = self._directory.create_segment(self.durable_sequence + 1)
        self._sealed.append(SealedSegment(full.first_sequence, full.position))
        full.close()
        return self._active

    def _poison(self, failure: str) -> None:
        self._failure = f"{failure} (nothing is acknowledged until the journal is opened again)"
        self._gathered.clear()

    def replay(self) -> Iterator[Entry]:
        """Every entry that was durable when this was called, in order. Reads one frame at a time.

        Entries below the last `trim` may still be among them. CorruptionError where one is damaged or missing. Not
        while another thread trims.
        """
        # `_sealed` before `_active`: a roll between the two reads then hides a segment's end, not a segment.
        sealed = [segment.first_sequence for segment in self._sealed]
        return self._replay(sealed, self._active.first_sequence, self._active.position)

    def _replay(self, sealed: list[int], active_sequence: int, active_end: int) -> Iterator[Entry]:
        starts = [*sealed, active_sequence]
        for first_sequence, next_start in pairwise(starts):
            reached = yield from self._replay_segment(first_sequence, None)
            if reached != next_start:
                raise CorruptionError(
                    f"{self._directory.segment_path(first_sequence)} ends at entry {reached - 1}, but the next segment "
                    f"begins with {next_start}: acknowledged entries are damaged or a segment is missing; restore it "
                    "from a copy"
                )
        reached = yield from self._replay_segment(active_sequence, active_end)
        assert reached <= self.durable_sequence + 1, f"{reached} > {self.durable_sequence} + 1"

    def _replay_segment(self, first_sequence: int, end: int | None) -> Generator[Entry, None, int]:
        path = self._directory.segment_path(first_sequence)
        file = self._directory.open_segment(first_sequence)
        reached = first_sequence
        try:
            check_segment_header(file, path, first_sequence)
            for frame in read_frames(file, first_sequence, end=end):
                yield from entries_of(frame.header, frame.data)
                reached = frame.header.last_sequence + 1
        except OSError as error:
            raise storage_error(error, "read", path) from error
        finally:
            file.close()
        return reached

    def trim(self, below_sequence: int) -> int:
        """Remove the segments that hold only entries below `below_sequence`; returns how many. One thread only.

        The segment being written always stays. Durable on return; after a crash in the middle the oldest are gone.
        """
        # Copied before `_active` is read: a roll in between then only makes the last of them look longer.
        starts = [segment.first_sequence for segment in self._sealed]
        ends = [*starts[1:], self._active.first_sequence]
        removable = sum(end <= below_sequence for end in ends[: len(starts)])
        sealed = self._sealed
        for _ in range(removable):
            segment = sealed[0]
            self._directory.retire_segment(
                segment.first_sequence,
                segment.size_bytes,
                reusable_bytes=self._reusable_bytes,
            )
            del sealed[0]
        return removable

    @property
    def _reusable_bytes(self) -> range:
        segment_bytes = self.limits.segment_bytes
        return range(segment_bytes // _REUSABLE_PART, _REUSABLE_SEGMENTS * segment_bytes + 1)

    @property
    def wants_spare(self) -> bool:
        """`prepare` has something to do: commits make the file grow, and no spare is there to go on with."""
        if not self._may_prepare or self._failure is not None or self._directory.has_spare:
            return False
        return self._active.grown_bytes >= min(_PREPARE_AFTER_BYTES, self.limits.segment_bytes // _PREPARE_AFTER_PART)

    def prepare(self) -> None:
        """One step towards a spare, while `wants_spare`; the next commit after the last step goes on in it.

        A step writes and syncs a quarter of a MiB. The thread that trims only. StorageError where it fails, which is
        no failure of the journal: it goes on growing, and no spare is wanted any more.
        """
        size_bytes = min(self.limits.segment_bytes, _PREPARED_BYTES_MAX)
        try:
            if self._preparing is None:
                if self._directory.free_bytes() < _FREE_FACTOR_MIN * size_bytes:
                    self._may_prepare = False
                    return
                self._preparing = self._directory.begin_spare(size_bytes)
            if self._preparing.step():
                self._may_prepare = False
                self._directory.spare_is_made(self._preparing)
        except StorageError:
            self._may_prepare = False
            raise

    def close(self) -> None:
        """Let go of the files. What was enqueued and not committed is dropped; later calls raise JournalPoisoned."""
        if self._failure is None:
            with suppress(OSError):
                self._active.cut()
        self._failure = self._failure or f"the journal in {self._directory.path} is closed"
        self._gathered.clear()
        if self._preparing is not None:
            self._preparing.close()
        self._active.close()
