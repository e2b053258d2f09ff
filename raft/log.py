"""The log as the node sees it: what storage holds, and the tail that is not durable yet.

    storage            |  tail
    first_index … ─────┼──────────────── last_index
                       tail_first
         stable_index: durable         handed_out: given to the driver to persist

Invariants, all asserted:
    tail_first <= handed_out + 1 <= last_index + 1     committed <= last_index     applying <= committed
Entries below `committed` never change. A truncation takes effect at once for `stable_index`, although storage
still holds the old entries until the driver has written the new ones.
"""

from __future__ import annotations

from collections import deque

from raft.messages import Entry, SnapshotMetadata
from raft.storage import Storage, limit_bytes


class RaftLog:
    """Stable and unstable part behind one face. Knows nothing of terms won or of other nodes."""

    __slots__ = (
        "_handed_out",
        "_outstanding",
        "_snapshot_handed_out",
        "_storage",
        "_tail",
        "_tail_first",
        "applying",
        "committed",
        "last_index",
        "last_term",
        "pending_snapshot",
        "stable_index",
    )

    def __init__(self, storage: Storage) -> None:
        snapshot = storage.snapshot()
        self._storage = storage
        self._tail: list[Entry] = []
        self.last_index = storage.last_index()
        self._tail_first = self.last_index + 1
        self._handed_out = self.last_index
        self.stable_index = self.last_index
        last_term = storage.term(self.last_index)
        assert last_term is not None, "storage must know the term of its last index"
        self.last_term = last_term
        self.committed = max(storage.hard_state().committed, snapshot.index)
        assert self.committed <= self.last_index, "storage has lost entries that were durable and committed"
        self.applying = snapshot.index
        self.pending_snapshot: SnapshotMetadata | None = None
        self._snapshot_handed_out = False
        # Per Ready under way: up to where it makes the log durable. A truncation lowers it, so that a write
        # that is overtaken by a truncation never counts, even if the same entry comes back later (ABA).
        self._outstanding: deque[int] = deque()

    @property
    def first_index(self) -> int:
        if self.pending_snapshot is not None:
            return self.pending_snapshot.index + 1
        return self._storage.first_index()

    def term(self, index: int) -> int | None:
        """None where the entry was compacted away or does not exist yet."""
        place = index - self._tail_first
        if place >= 0:
            return self._tail[place].term if place < len(self._tail) else None
        if index == self.last_index:
            return self.last_term
        if self.pending_snapshot is not None:
            # Storage still holds the log from before the snapshot: none of it is true any more.
            return self.pending_snapshot.term if index == self.pending_snapshot.index else None
        return self._storage.term(index) if index >= 0 else None

    def entries(self, first: int, end: int, bytes_max: int) -> list[Entry] | None:
        """[first, end) up to `bytes_max`, at least one if there is one; None where `first` is compacted."""
        if first >= end:
            return []
        if first >= self._tail_first:
            low = first - self._tail_first
            return limit_bytes(self._tail[low : end - self._tail_first], bytes_max)
        if first < self.first_index:
            return None
        stored_end = min(end, self._tail_first)
        entries = self._storage.entries(first, stored_end, bytes_max)
        if not entries:
            return None
        if end > self._tail_first and len(entries) == stored_end - first:
            entries = limit_bytes(entries + self._tail[: end - self._tail_first], bytes_max)
        return entries

    def is_up_to_date(self, last_index: int, last_term: int) -> bool:
        """§5.4.1: whether a log that ends there holds at least what ours does."""
        return last_term > self.last_term or (last_term == self.last_term and last_index >= self.last_index)

    def append(self, entry: Entry) -> None:
        """A leader's own next entry."""
        assert entry.index == self.last_index + 1, "a leader only appends"
        self._tail.append(entry)
        self.last_index, self.last_term = entry.index, entry.term

    def first_conflict(self, entries: list[Entry]) -> int:
        """Position in `entries` of the first one that the log lacks or has with another term; or their number."""
        for position, entry in enumerate(entries):
            if entry.index > self.last_index or self.term(entry.index) != entry.term:
                return position
        return len(entries)

    def replace_from(self, entries: list[Entry]) -> None:
        """Cut at the first of these entries and append them all. Only at a real conflict or at the end."""
        first = entries[0].index
        assert first > self.committed, f"entry {first} would replace a committed one ({self.committed})"
        assert first <= self.last_index + 1, "a gap in the log"
        if first <= self.last_index:
            self._cut_from(first)
        self._tail.extend(entries)
        self.last_index, self.last_term = entries[-1].index, entries[-1].term

    def _cut_from(self, first: int) -> None:
        if first > self._tail_first:
            del self._tail[first - self._tail_first :]
        else:
            self._tail.clear()
            self._tail_first = first
        self._handed_out = min(self._handed_out, first - 1)
        self.stable_index = min(self.stable_index, first - 1)
        self._lower_outstanding(first - 1)

    def _lower_outstanding(self, durable_to: int) -> None:
        for place, promised in enumerate(self._outstanding):
            self._outstanding[place] = min(promised, durable_to)

    def agreement_hint(self, index: int, term: int) -> tuple[int, int]:
        """The highest index at or below `index` where our term is at most `term`, and our term there.

        Thesis §5.3's fast back-off: both sides use it, so that one round trip skips a whole term, on either
        side. Answers term 0 where the log is compacted, which says "unknown".
        """
        while index > 0:
            ours = self.term(index)
            if ours is None:
                return index, 0
            if ours <= term:
                return index, ours
            index -= 1
        return 0, 0

    def commit_to(self, index: int) -> None:
        if index > self.committed:
            assert index <= self.last_index, f"commit {index} is beyond the log's end {self.last_index}"
            self.committed = index

    def restore(self, snapshot: SnapshotMetadata) -> None:
        """Everything so far gives way to a snapshot that is ahead of what is committed here."""
        assert snapshot.index > self.committed, "a snapshot of what is committed already"
        self.pending_snapshot = snapshot
        self._snapshot_handed_out = False
        self._tail.clear()
        self._tail_first = snapshot.index + 1
        self._handed_out = self.last_index = self.committed = self.applying = snapshot.index
        self.last_term = snapshot.term
        self.stable_index = 0
        self._lower_outstanding(0)

    def has_unpersisted(self) -> bool:
        return self._handed_out < self.last_index or (
            self.pending_snapshot is not None and not self._snapshot_handed_out
        )

    def take_unpersisted(self) -> tuple[list[Entry], SnapshotMetadata | None]:
        """What the next Ready must make durable; counted as durable when that Ready is advanced."""
        snapshot = None if self._snapshot_handed_out else self.pending_snapshot
        if snapshot is not None:
            self._snapshot_handed_out = True
        entries: list[Entry] = []
        if self._handed_out < self.last_index:
            entries = self._tail[self._handed_out + 1 - self._tail_first :]
            self._handed_out = self.last_index
        self._outstanding.append(self.last_index if entries or snapshot is not None else 0)
        return entries, snapshot

    def persisted(self, snapshot: SnapshotMetadata | None) -> None:
        """The oldest Ready under way was carried out."""
        if snapshot is not None and snapshot is self.pending_snapshot:
            self.pending_snapshot = None
        durable_to = self._outstanding.popleft()
        if durable_to > self.stable_index:
            self.stable_index = durable_to
            if durable_to >= self._tail_first:
                del self._tail[: durable_to + 1 - self._tail_first]
                self._tail_first = durable_to + 1

    def has_committed(self) -> bool:
        return self.committed > self.applying and self.pending_snapshot is None

    def take_committed(self, bytes_max: int) -> list[Entry]:
        """Entries for the state machine, each once and in order. None while a snapshot is being installed."""
        if not self.has_committed():
            return []
        entries = self.entries(self.applying + 1, self.committed + 1, bytes_max)
        assert entries, "committed entries that are not applied must not be compacted"
        self.applying = entries[-1].index
        return entries
