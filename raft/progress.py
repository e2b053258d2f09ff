"""What a leader knows of one member's log, and how fast it may send to it.

    PROBE      one message at a time, until the member says where its log agrees
    REPLICATE  a window of messages on top of each other, `next` runs ahead of `match`
    SNAPSHOT   nothing but chunks, until the member can be served from the log again

Invariant: 0 <= match < next. In PROBE and SNAPSHOT `next` is match + 1 or a guess; in REPLICATE it is one
above the last entry sent.
"""

from __future__ import annotations

from collections import deque
from enum import Enum

from raft.messages import Entry, SnapshotMetadata


class ProgressState(Enum):
    PROBE = "probe"
    REPLICATE = "replicate"
    SNAPSHOT = "snapshot"


class Inflights:
    """A window of messages under way, each named by its last index."""

    __slots__ = ("_bytes", "_bytes_max", "_messages_max", "_sent")

    def __init__(self, messages_max: int, bytes_max: int) -> None:
        self._messages_max = messages_max
        self._bytes_max = bytes_max
        self._bytes = 0
        self._sent: deque[tuple[int, int]] = deque()

    def __len__(self) -> int:
        return len(self._sent)

    def is_full(self) -> bool:
        return len(self._sent) >= self._messages_max or self._bytes >= self._bytes_max

    def add(self, last_index: int, size_bytes: int) -> None:
        assert not self.is_full(), "a message beyond the window"
        self._sent.append((last_index, size_bytes))
        self._bytes += size_bytes

    def free_to(self, index: int) -> None:
        """Everything up to `index` arrived: an acknowledgement covers all messages before it."""
        sent = self._sent
        while sent and sent[0][0] <= index:
            self._bytes -= sent.popleft()[1]

    def clear(self) -> None:
        self._sent.clear()
        self._bytes = 0


class Progress:
    """One member as its leader sees it."""

    __slots__ = (
        "acknowledged_read_sequence",
        "chunk_repeats_due",
        "chunk_was_repeated",
        "inflights",
        "is_recently_active",
        "match",
        "next",
        "paused",
        "sent_commit",
        "snapshot",
        "snapshot_position",
        "state",
    )

    def __init__(self, next_index: int, messages_max: int, bytes_max: int) -> None:
        self.match = 0
        self.next = next_index
        self.state = ProgressState.PROBE
        # A probe is under way, or the window is full; cleared by any sign of life.
        self.paused = False
        self.inflights = Inflights(messages_max, bytes_max)
        self.is_recently_active = False
        # The highest committed index this member was told; a rejected append lowers it.
        self.sent_commit = 0
        self.acknowledged_read_sequence = 0
        self.snapshot: SnapshotMetadata | None = None
        self.snapshot_position = 0
        # A chunk was under way when the previous heartbeat was answered: the next answer repeats it.
        self.chunk_repeats_due = False
        self.chunk_was_repeated = False

    def become_probe(self) -> None:
        # After a snapshot the member has at least that much, though it has not said so yet.
        pending = self.snapshot.index if self.snapshot is not None else 0
        self._reset(ProgressState.PROBE)
        self.next = max(self.match, pending) + 1
        self.sent_commit = min(self.sent_commit, self.next - 1)

    def become_replicate(self) -> None:
        self._reset(ProgressState.REPLICATE)
        self.next = self.match + 1

    def become_snapshot(self, snapshot: SnapshotMetadata) -> None:
        self._reset(ProgressState.SNAPSHOT)
        self.snapshot = snapshot
        self.next = snapshot.index + 1
        self.sent_commit = snapshot.index

    def _reset(self, state: ProgressState) -> None:
        self.state = state
        self.paused = False
        self.snapshot = None
        self.snapshot_position = 0
        self.chunk_repeats_due = False
        self.chunk_was_repeated = False
        self.inflights.clear()

    def is_paused(self) -> bool:
        return self.paused or self.state is ProgressState.SNAPSHOT

    def sent(self, entries: list[Entry]) -> None:
        """These entries are on their way."""
        if not entries:
            return
        if self.state is ProgressState.REPLICATE:
            self.next = entries[-1].index + 1
            size_bytes = 0
            for entry in entries:
                size_bytes += len(entry.data)
            self.inflights.add(self.next - 1, size_bytes)
            self.paused = self.inflights.is_full()
        else:
            self.paused = True

    def acknowledge(self, index: int) -> bool:
        """The member's log matches up to `index`; False if that is no news."""
        if index <= self.match:
            return False
        self.match = index
        self.next = max(self.next, index + 1)
        self.paused = False
        return True

    def reject(self, rejected: int, hint: int) -> bool:
        """The member has no entry to follow on `rejected`; False if that is an old answer."""
        if self.state is ProgressState.REPLICATE:
            if rejected <= self.match:
                return False
            self.next = self.match + 1
            self.sent_commit = min(self.sent_commit, self.match)
            return True
        if self.next - 1 != rejected:
            return False
        self.next = max(min(rejected, hint + 1), self.match + 1)
        self.sent_commit = min(self.sent_commit, self.next - 1)
        self.paused = False
        return True

    def wants_commit(self, committed: int) -> bool:
        """Whether an empty message would tell the member of a higher commit that it can use."""
        return committed > self.sent_commit and self.sent_commit < self.next - 1
