"""Whole batches that a consumer is sent from their file, without passing through this process.

A slice is made when a fetch is read and used when its answer is sent: mostly at the end of the same turn of the loop,
later where answers before it are still to come. Meanwhile the log may have been cut, cleaned, shortened or removed, and
another file may have the path. So a slice holds no file (those of a thousand slow consumers would be a thousand
descriptors, and a deleted segment's room on the disk would not come back), and is used only while its log is what it
was: `ReadPositions.changes`, which every such change moves, is looked at in the same step that sends or reads. Where it
moved the bytes are not to be had any more. Their length was promised to the client by then, so the connection ends; its
client asks again, and is answered by what the log is now. Appends change nothing: a slice ends where the log was
written, and nothing before that is written twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wal import CorruptionError, StorageError

if TYPE_CHECKING:
    from broker.log.readable_log import ReadableLog

# As the least size of a stored slice: for readers who look at the bytes.
NEVER_STORED = 1 << 62


class StoredSlice:
    __slots__ = ("_changes", "_log", "_path", "_size", "position")

    def __init__(self, log: ReadableLog, path: str, position: int, size: int) -> None:
        self._log = log
        self._path = path
        self._size = size
        self._changes = log.read_positions.changes
        self.position = position

    def __len__(self) -> int:
        return self._size

    def without(self, count: int) -> StoredSlice:
        """What is left of it behind the first `count` bytes."""
        rest = StoredSlice(self._log, self._path, self.position + count, self._size - count)
        rest._changes = self._changes
        return rest

    def descriptor(self) -> int | None:
        """Of its file, for a call that follows at once; None where the system has none. StorageError where its bytes
        are not to be had any more, or the file cannot be opened."""
        self._check()
        return self._log.disk.descriptor(self._path)

    def read(self) -> bytes:
        """StorageError as `descriptor`, or where the file ends before the slice."""
        self._check()
        data = self._log.disk.pread(self._path, self._size, self.position)
        if len(data) < self._size:
            raise CorruptionError(f"{self._path} is shorter than the {self.position + self._size} bytes written to it")
        return data

    def _check(self) -> None:
        log = self._log
        if log.is_gone or log.read_positions.changes != self._changes:
            raise StorageError(f"{log} was cut, cleaned, shortened or removed since the fetch was read")
