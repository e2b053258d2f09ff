"""What a node reads of its own past, and an in-memory implementation for tests and simulations.

The node only ever reads, through `Storage`; its driver writes what each Ready says. Contract:

- After `advance(ready)` everything of that Ready can be read here.
- Entries of a Ready replace all stored entries from the first one's index on.
- `compact` may move `first_index` at any time between calls, never beyond the newest snapshot.
- At least the snapshot's own index keeps its term.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from zlib import crc32

from raft.messages import Configuration, Entry, SnapshotMetadata
from raft.ready import HardState


class Storage(Protocol):
    """Indexes are inclusive unless they say `end`."""

    def hard_state(self) -> HardState: ...

    def snapshot(self) -> SnapshotMetadata:
        """The newest complete one. Before there is any: index 0 and the bootstrap configuration."""
        ...

    def first_index(self) -> int:
        """Of the first entry held, or one above the snapshot where none is."""
        ...

    def last_index(self) -> int:
        """Of the last entry held, or the snapshot's where none is."""
        ...

    def term(self, index: int) -> int | None:
        """Of an entry held or of the snapshot's index; None for everything else."""
        ...

    def entries(self, first: int, end: int, bytes_max: int) -> list[Entry]:
        """From `first` up to but without `end`, stopping at `bytes_max` of payload but never before one entry.
        Empty where `first` was compacted away."""
        ...

    def snapshot_chunk(self, metadata: SnapshotMetadata, position: int, bytes_max: int) -> bytes | None:
        """Part of that snapshot's content, or None if it is no longer there."""
        ...


def limit_bytes(entries: list[Entry], bytes_max: int) -> list[Entry]:
    """The longest prefix within `bytes_max` of payload, but at least one entry."""
    total = 0
    for count, entry in enumerate(entries):
        total += len(entry.data)
        if total > bytes_max and count > 0:
            return entries[:count]
    return entries


class MemoryStorage:
    """A log, a snapshot and a hard state in memory, with the writes a driver makes."""

    def __init__(self, configuration: Configuration) -> None:
        self._hard_state = HardState()
        self._snapshot = SnapshotMetadata(configuration=configuration)
        self._content = b""
        self._entries: list[Entry] = []
        # Everything up to here is gone from _entries; its term is kept for the consistency check.
        self._compacted_index = 0
        self._compacted_term = 0

    def hard_state(self) -> HardState:
        return self._hard_state

    def snapshot(self) -> SnapshotMetadata:
        return self._snapshot

    def first_index(self) -> int:
        return self._compacted_index + 1

    def last_index(self) -> int:
        return self._compacted_index + len(self._entries)

    def term(self, index: int) -> int | None:
        place = index - self._compacted_index - 1
        if 0 <= place < len(self._entries):
            return self._entries[place].term
        if place == -1:
            return self._compacted_term
        return self._snapshot.term if index == self._snapshot.index else None

    def entries(self, first: int, end: int, bytes_max: int) -> list[Entry]:
        low = first - self._compacted_index - 1
        if low < 0:
            return []
        return limit_bytes(self._entries[low : end - self._compacted_index - 1], bytes_max)

    def snapshot_chunk(self, metadata: SnapshotMetadata, position: int, bytes_max: int) -> bytes | None:
        if metadata != self._snapshot:
            return None
        return self._content[position : position + bytes_max]

    def set_hard_state(self, hard_state: HardState) -> None:
        assert hard_state.term >= self._hard_state.term, "a term never goes back"
        self._hard_state = hard_state

    def append(self, entries: Sequence[Entry]) -> None:
        if not entries:
            return
        place = entries[0].index - self._compacted_index - 1
        assert 0 <= place <= len(self._entries), "entries must follow on what is held"
        self._entries[place:] = entries

    def create_snapshot(self, index: int, configuration: Configuration, content: bytes) -> SnapshotMetadata:
        """The state machine's content as of `index`, which must be applied and still held."""
        term = self.term(index)
        assert term is not None, "a snapshot of what is not held"
        assert index > self._snapshot.index, "snapshots only move forward"
        self._snapshot = SnapshotMetadata(index, term, configuration, len(content), crc32(content))
        self._content = content
        return self._snapshot

    def compact(self, index: int) -> None:
        """Forget entries up to and including `index`, which a snapshot must cover."""
        assert index <= self._snapshot.index, "compaction needs a snapshot of what it drops"
        if index <= self._compacted_index:
            return
        term = self.term(index)
        assert term is not None, "compaction of what is not held"
        del self._entries[: index - self._compacted_index]
        self._compacted_index, self._compacted_term = index, term

    def install_snapshot(self, metadata: SnapshotMetadata, content: bytes) -> None:
        """Replace everything with a snapshot received from the leader."""
        assert len(content) == metadata.size_bytes, "a snapshot that is not whole"
        assert crc32(content) == metadata.checksum, "a snapshot that is not what was sent"
        self._snapshot, self._content = metadata, content
        self._entries = []
        self._compacted_index, self._compacted_term = metadata.index, metadata.term

    def copy(self) -> MemoryStorage:
        """What a disk would hold at this moment."""
        twin = MemoryStorage(self._snapshot.configuration)
        twin._hard_state, twin._snapshot, twin._content = self._hard_state, self._snapshot, self._content
        twin._entries = self._entries.copy()
        twin._compacted_index, twin._compacted_term = self._compacted_index, self._compacted_term
        return twin
