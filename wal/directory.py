"""The files of one journal: their names, and how they come and go without a crash ever showing a half-made one.

    00000000000000000001.wal      a segment, named by the sequence of its first entry
    00000000000000000001.spare    a trimmed segment kept to be overwritten (gone after a restart)
    zeros.spare                   a segment of zeros, made or being made to be overwritten (likewise)
    *.tmp                         being made; a leftover of a crash, removed when the journal opens

Invariant: a name ending in `.wal` exists only with a durable header of that very sequence behind it, because the
header is synced before the rename. Removals go oldest first and are synced one by one, so what a crash leaves
is always one unbroken run of segments.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress

from wal.errors import storage_error
from wal.filesystem import File, Filesystem
from wal.segment_file import SegmentFile, encode_segment_header
from wal.spare_in_making import SpareInMaking

SEGMENT_SUFFIX = ".wal"
SPARE_SUFFIX = ".spare"
TEMPORARY_SUFFIX = ".tmp"
PREPARED_NAME = "zeros.spare"


def segment_first_sequence(name: str) -> int | None:
    """The sequence in a segment's file name, or None where `name` is not one."""
    stem = name.removesuffix(SEGMENT_SUFFIX)
    if stem == name or len(stem) != 20 or not stem.isascii() or not stem.isdigit():
        return None
    return int(stem)


def parent_of(path: str) -> str:
    head, _, _ = path.rstrip("/").rpartition("/")
    return head or ("/" if path.startswith("/") else ".")


def make_directory_durably(filesystem: Filesystem, path: str) -> None:
    """Create `path` and its missing parents so that the names survive a crash. May raise OSError.

    One level at a time, and the deepest existing one is synced again: it may be what a process that was killed made
    and did not come to sync.
    """
    missing = []
    while not filesystem.exists(path):
        missing.append(path)
        path = parent_of(path)
    # Whoever may not even read that directory did not make what is in it: it was there before us.
    with suppress(PermissionError):
        filesystem.sync_directory(parent_of(path))
    for directory in reversed(missing):
        filesystem.make_directory(directory)
        filesystem.sync_directory(parent_of(directory))


class JournalDirectory:
    """Segments and spares of one journal. The committer creates, one other thread retires and prepares."""

    __slots__ = ("_prepared", "_spares", "_spares_max", "filesystem", "path")

    def __init__(self, filesystem: Filesystem, path: str, *, spares_max: int = 0) -> None:
        self.filesystem = filesystem
        self.path = path
        self._spares: deque[str] = deque()
        # Apart from the trimmed ones: it is not waited for until a segment is full. One at most.
        self._prepared: deque[str] = deque()
        self._spares_max = spares_max

    def prepare(self) -> list[int]:
        """Make the directory, clear leftovers, sync it; answers the first sequences of its segments, ascending.

        The sync matters after kill -9 too: names that are visible now may not have been durable yet.
        """
        try:
            make_directory_durably(self.filesystem, self.path)
            for name in self.filesystem.list(self.path):
                if name.endswith((TEMPORARY_SUFFIX, SPARE_SUFFIX)):
                    self.filesystem.remove(f"{self.path}/{name}")
            self.filesystem.sync_directory(self.path)
            return self.segments()
        except OSError as error:
            raise storage_error(error, "open the journal in", self.path) from error

    def segments(self) -> list[int]:
        sequences = map(segment_first_sequence, self.filesystem.list(self.path))
        return sorted(sequence for sequence in sequences if sequence is not None)

    def segment_path(self, first_sequence: int) -> str:
        return f"{self.path}/{first_sequence:020d}{SEGMENT_SUFFIX}"

    def open_segment(self, first_sequence: int) -> File:
        path = self.segment_path(first_sequence)
        try:
            return self.filesystem.open(path)
        except OSError as error:
            raise storage_error(error, "open", path) from error

    @property
    def has_prepared(self) -> bool:
        return bool(self._prepared)

    @property
    def has_spare(self) -> bool:
        return bool(self._prepared or self._spares)

    def free_bytes(self) -> int:
        try:
            return self.filesystem.free_bytes(self.path)
        except OSError as error:
            raise storage_error(error, "look for space in", self.path) from error

    def begin_spare(self, size_bytes: int) -> SpareInMaking:
        return SpareInMaking(self.filesystem, f"{self.path}/{PREPARED_NAME}", size_bytes)

    def spare_is_made(self, spare: SpareInMaking) -> None:
        assert not self._prepared, "one at a time"
        self._prepared.append(spare.path)

    def create_segment(self, first_sequence: int) -> SegmentFile:
        """An empty segment, durable under its name, on the blocks of a spare where there is one. May raise OSError."""
        for spares in (self._prepared, self._spares):
            if spares:
                made_from = spares.popleft()
                break
        else:
            made_from = self.segment_path(first_sequence) + TEMPORARY_SUFFIX
        file = self.filesystem.open(made_from, create=True)
        try:
            file.write_durably([encode_segment_header(first_sequence)], 0)
            path = self.segment_path(first_sequence)
            self.filesystem.rename(made_from, path)
            self.filesystem.sync_directory(self.path)
        except BaseException:
            file.close()
            raise
        return SegmentFile(file, path, first_sequence)

    def retire_segment(self, first_sequence: int, size_bytes: int, *, reusable_bytes: range) -> None:
        """Take the oldest segment away: keep its blocks as a spare, or remove it; durable on return."""
        path = self.segment_path(first_sequence)
        keep = len(self._spares) < self._spares_max and size_bytes in reusable_bytes
        spare = path.removesuffix(SEGMENT_SUFFIX) + SPARE_SUFFIX
        try:
            # Already gone where an earlier attempt came as far as the sync.
            with suppress(FileNotFoundError):
                if keep:
                    self.filesystem.rename(path, spare)
                else:
                    self.filesystem.remove(path)
            # Before a spare may be overwritten: else a crash could show the old name with new bytes. And before the
            # next segment goes: else a crash could bring back this one without that one.
            self.filesystem.sync_directory(self.path)
        except OSError as error:
            raise storage_error(error, "remove the trimmed segment", path) from error
        if keep:
            self._spares.append(spare)
