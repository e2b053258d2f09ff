"""A file of fixed-size entries in rising order, appended in memory and searched by halves: what both indexes are.

While its segment is active an index lives in memory and its file lags behind until `flush` (a checkpoint or the
roll). A sealed one is searched in its file, some twenty reads of one entry, so that the indexes of a large node
need no memory. Nothing here is checksummed, as in Kafka: whoever follows an entry checks what it finds there and
rebuilds the index from the segment when it is wrong.
"""

from __future__ import annotations

from struct import Struct

from broker.log.disk import Disk

NO_FILE = -1


class IndexFile:
    """Entries of `entry.size` bytes. `path` may be missing, which is an index without entries."""

    __slots__ = ("_entries", "_flushed", "_path_size", "base_offset", "disk", "entry", "path")

    def __init__(self, disk: Disk, path: str, base_offset: int, entry: Struct) -> None:
        self.disk = disk
        self.path = path
        self.base_offset = base_offset
        self.entry = entry
        self._entries: bytearray | None = None
        self._flushed = NO_FILE  # bytes of _entries that the file has
        self._path_size: int | None = None  # of a sealed index, once asked for

    def load(self) -> bytearray:
        """Bring the entries into memory, where appends go."""
        if self._entries is None:
            found = self.disk.read_if_there(self.path)
            data = found or b""
            whole = len(data) - len(data) % self.entry.size
            if whole < len(data):
                # A torn entry: what is appended next must not land behind it.
                self.disk.truncate(self.path, whole)
            self._entries = bytearray(data[:whole])
            self._flushed = whole if found is not None else NO_FILE
        return self._entries

    def flush(self) -> bool:
        """Write what the file lacks, without sync, and make it where it is missing. True if there was something."""
        if self._entries is None and self.disk.exists(self.path):
            return False
        entries = self.load()
        if self._flushed == len(entries):
            return False
        self.disk.append(self.path, [bytes(entries[max(self._flushed, 0) :])])
        self._flushed = len(entries)
        return True

    def seal(self) -> None:
        """Flush and give the memory back: nothing is appended any more."""
        self.flush()
        self._entries = None
        self._path_size = None

    def entry_count(self) -> int:
        return self.size_bytes() // self.entry.size

    def size_bytes(self) -> int:
        if self._entries is not None:
            return len(self._entries)
        if self._path_size is None:
            self._path_size = self.disk.size(self.path) if self.disk.exists(self.path) else 0
        return self._path_size

    def read_entry(self, slot: int) -> tuple[int, ...]:
        size = self.entry.size
        if self._entries is not None:
            return self.entry.unpack_from(self._entries, slot * size)
        data = self.disk.pread(self.path, size, slot * size)
        if len(data) < size:
            return (0,) * len(self.entry.unpack(bytes(size)))
        return self.entry.unpack(data)

    def read_entries(self, slot: int, count: int) -> bytes:
        start, end = slot * self.entry.size, (slot + count) * self.entry.size
        if self._entries is not None:
            return bytes(self._entries[start:end])
        return self.disk.pread(self.path, end - start, start)

    def append_entry(self, *values: int) -> None:
        entries = self._entries if self._entries is not None else self.load()
        entries += self.entry.pack(*values)

    def floor_slot(self, field: int, target: int) -> int:
        """The last slot whose `field` is at most `target`, -1 if even the first is beyond it."""
        low, high = 0, self.entry_count()
        while low < high:
            middle = (low + high) // 2
            if self.read_entry(middle)[field] <= target:
                low = middle + 1
            else:
                high = middle
        return low - 1

    def keep_entries(self, count: int) -> None:
        """Drop every entry from slot `count` on, in memory and in the file."""
        entries = self.load()
        kept = count * self.entry.size
        if kept >= len(entries):
            return
        del entries[kept:]
        if self._flushed > kept:
            self.disk.truncate(self.path, kept)
            self._flushed = kept

    def replace(self, entries: bytes) -> None:
        """Put `entries` in place of what memory and file hold (an index rebuilt from its segment)."""
        self.disk.write_new(self.path, [entries])
        self._flushed = len(entries)
        self._path_size = None
        if self._entries is not None:
            self._entries = bytearray(entries)
