"""A segment's blocks written with zeros ahead of need, a piece at a time: frames then overwrite instead of extending.

Zeros that were only allocated would gain nothing: the file system would have the first write of each block to record.
The name is that of a leftover until the file is whole; the journal that opens after a crash removes it.
"""

from __future__ import annotations

from contextlib import suppress

from wal.errors import storage_error
from wal.filesystem import File, Filesystem

# How much one step writes and syncs, which a commit at that moment waits for: 13 ms where a disk writes 20 MB/s.
PIECE_BYTES = 256 * 1024


class SpareInMaking:
    """One thread."""

    __slots__ = ("_file", "_filesystem", "_size_bytes", "path")

    def __init__(self, filesystem: Filesystem, path: str, size_bytes: int) -> None:
        self.path = path
        self._filesystem = filesystem
        self._size_bytes = size_bytes
        self._file: File | None = None

    def step(self) -> bool:
        """Write and sync one more piece; True when all of the file is on the disk. After a StorageError it is gone."""
        try:
            if self._file is None:
                self._file = self._filesystem.open(self.path, create=True)
            written = self._file.size()
            self._file.write_durably([bytes(min(PIECE_BYTES, self._size_bytes - written))], written)
            is_whole = self._file.size() >= self._size_bytes
            if is_whole:
                self.close()
        except OSError as error:
            self.abandon()
            raise storage_error(error, "prepare a journal segment in", self.path) from error
        return is_whole

    def abandon(self) -> None:
        """Give its place on the disk back."""
        self.close()
        with suppress(OSError):
            self._filesystem.remove(self.path)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
