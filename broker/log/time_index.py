"""Kafka's `.timeindex`: from which offset on records can be as young as a timestamp.

     0          8      12
     ┌──────────┬──────┐
     │ timestamp│offset│   int64 largest timestamp (ms) in the segment up to here
     └──────────┴──────┘   int32 last offset of the batch that has it, relative to the segment's base offset

Timestamps and offsets both rise. Its last entry, once the segment is sealed, is the segment's largest timestamp.
"""

from __future__ import annotations

from struct import Struct

from broker.log.disk import Disk
from broker.log.index_file import IndexFile

TIME_ENTRY = Struct(">qi")

NO_TIMESTAMP = -1


class TimeIndex(IndexFile):
    __slots__ = ()

    def __init__(self, disk: Disk, path: str, base_offset: int) -> None:
        super().__init__(disk, path, base_offset, TIME_ENTRY)

    def append_if_later(self, timestamp: int, offset: int) -> None:
        """Note that records up to `offset` are at most as young as `timestamp`, if that is news."""
        last_timestamp, last_offset = self.last()
        if timestamp > last_timestamp and (offset > last_offset or not self.entry_count()):
            self.append_entry(timestamp, offset - self.base_offset)

    def last(self) -> tuple[int, int]:
        """(timestamp, offset) of the last entry; (-1, base offset) where there is none."""
        count = self.entry_count()
        if not count:
            return NO_TIMESTAMP, self.base_offset
        timestamp, relative = self.read_entry(count - 1)
        return timestamp, self.base_offset + relative

    def floor(self, timestamp: int) -> tuple[int, int]:
        """(timestamp, offset) of the last entry not younger than `timestamp`; (-1, base offset) for none."""
        slot = self.floor_slot(0, timestamp)
        if slot < 0:
            return NO_TIMESTAMP, self.base_offset
        found, relative = self.read_entry(slot)
        return found, self.base_offset + relative

    def truncate_to(self, offset: int) -> None:
        """Keep entries of batches that end before `offset`."""
        self.load()
        self.keep_entries(self.floor_slot(1, offset - self.base_offset - 1) + 1)
