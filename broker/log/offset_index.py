"""Kafka's `.index`: where in the segment file to start looking for an offset.

     0      4      8
     ┌──────┬──────┐
     │ last │ posi │   int32 last offset of a batch, relative to the segment's base offset
     │offset│ tion │   int32 position at which that batch begins
     └──────┴──────┘   an entry every `index.interval.bytes`; both fields rise

An entry gives the last offset of its batch, so the floor of an offset is a batch at or before the wanted one.
"""

from __future__ import annotations

from struct import Struct

from broker.log.disk import Disk
from broker.log.index_file import IndexFile

OFFSET_ENTRY = Struct(">ii")
_unpack_entry = OFFSET_ENTRY.unpack_from

# Read at once around the place where an entry should be: a read of 1 KB costs what a read of 8 B costs.
GUESSED_ENTRIES = 128
# Looks at such places, each nearer, before the search by halves. Only batches of very different sizes need a second.
GUESSES_MAX = 4


class OffsetIndex(IndexFile):
    __slots__ = ()

    def __init__(self, disk: Disk, path: str, base_offset: int) -> None:
        super().__init__(disk, path, base_offset, OFFSET_ENTRY)

    def append(self, last_offset: int, position: int) -> None:
        self.append_entry(last_offset - self.base_offset, position)

    def floor(self, offset: int) -> tuple[int, int]:
        """(last offset, position) of the last indexed batch that ends at or before `offset`; (base offset, 0)
        where none does."""
        slot = self.floor_slot(0, offset - self.base_offset)
        if slot < 0:
            return self.base_offset, 0
        relative, position = self.read_entry(slot)
        return self.base_offset + relative, position

    def last_at(self, position: int, file_bytes: int) -> tuple[int, int]:
        """(last offset, position) of the last indexed batch that begins at or before `position` in the file of
        `file_bytes`; (base offset, 0) where none does.

        Entries are spread over the file nearly evenly: one read where it should be mostly finds it."""
        low, low_position = 0, 0
        high, high_position = self.entry_count(), max(file_bytes, position + 1)
        for _ in range(GUESSES_MAX if high else 0):
            guess = low + (high - low) * (position - low_position) // (high_position - low_position)
            first = max(low, min(guess - GUESSED_ENTRIES // 2, high - GUESSED_ENTRIES))
            entries = self.read_entries(first, min(GUESSED_ENTRIES, high - first))
            found = self._last_in(entries, position)
            if found < 0 and first > low:
                high, high_position = first, _unpack_entry(entries)[1]
            elif 0 <= found == len(entries) // OFFSET_ENTRY.size - 1 and first + found + 1 < high:
                low, low_position = first + found, _unpack_entry(entries, found * OFFSET_ENTRY.size)[1]
            else:
                return self._absolute(entries, found)
        slot = self.floor_slot(1, position)
        return self._absolute(self.read_entries(slot, 1) if slot >= 0 else b"", 0)

    def _last_in(self, entries: bytes, position: int) -> int:
        low, high = 0, len(entries) // OFFSET_ENTRY.size
        while low < high:
            middle = (low + high) // 2
            if _unpack_entry(entries, middle * OFFSET_ENTRY.size)[1] <= position:
                low = middle + 1
            else:
                high = middle
        return low - 1

    def _absolute(self, entries: bytes, place: int) -> tuple[int, int]:
        if place < 0 or len(entries) < OFFSET_ENTRY.size:
            return self.base_offset, 0
        relative, position = _unpack_entry(entries, place * OFFSET_ENTRY.size)
        return self.base_offset + relative, position

    def truncate_to(self, offset: int) -> None:
        """Keep entries of batches that end before `offset`."""
        self.load()
        self.keep_entries(self.floor_slot(0, offset - self.base_offset - 1) + 1)
