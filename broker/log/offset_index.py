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

    def truncate_to(self, offset: int) -> None:
        """Keep entries of batches that end before `offset`."""
        self.load()
        self.keep_entries(self.floor_slot(0, offset - self.base_offset - 1) + 1)
