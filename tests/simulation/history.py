"""What the clients of one run did and saw, in one order: the evidence that the checker judges.

    send = history.begin_send("p1", ("orders", 0), (b"p1 0 1",))
    history.end_send(send, Outcome.ACKNOWLEDGED, base_offset=17)

Every value is sent once in a run, so a value names its record. `Moment`s are numbered in the order in which things
happened in the one thread of the run: what ended before something else began has the lower number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

Place = tuple[str, int]
"""Topic and partition."""


class Moment(NamedTuple):
    number: int
    at_s: float

    def __str__(self) -> str:
        return f"{self.at_s:.3f} s"


class Outcome(Enum):
    PENDING = "pending"  # the client never heard, or died: as good as unknown
    ACKNOWLEDGED = "acknowledged"
    FAILED = "failed for certain"  # refused before it had any effect, or never sent
    UNKNOWN = "unknown"


@dataclass(slots=True)
class Send:
    """One batch of one producer. Retries of the same batch are the same send."""

    producer: str
    place: Place
    values: tuple[bytes, ...]
    began: Moment
    is_idempotent: bool
    outcome: Outcome = Outcome.PENDING
    base_offset: int = -1  # -1 where an acknowledgement did not tell it
    ended: Moment | None = None


class SeenRecord(NamedTuple):
    offset: int
    leader_epoch: int
    value: bytes


@dataclass(slots=True, frozen=True)
class Fetch:
    """One good answer to a consumer. `leader_epoch` is the one it asked for, which fences all others."""

    client: str
    node_id: int
    place: Place
    leader_epoch: int
    offset: int
    high_watermark: int
    log_start_offset: int
    records: tuple[SeenRecord, ...]
    began: Moment
    ended: Moment


@dataclass(slots=True, frozen=True)
class Loss:
    """A broker told a consumer that where it had read to is not in the log."""

    client: str
    node_id: int
    place: Place
    leader_epoch: int
    offset: int
    why: str
    at: Moment


@dataclass(slots=True, frozen=True)
class LeaderView:
    """One partition in one answer to a metadata request, over one connection."""

    client: str
    connection: int
    node_id: int
    place: Place
    topic_id: bytes
    leader_id: int
    leader_epoch: int
    at: Moment


@dataclass(slots=True)
class Commit:
    """One attempt to commit an offset; `label` goes with it as metadata, and no other attempt has the same."""

    group: str
    place: Place
    offset: int
    label: str
    began: Moment
    outcome: Outcome = Outcome.PENDING
    ended: Moment | None = None


@dataclass(slots=True, frozen=True)
class CommittedRead:
    """What a group's coordinator answered; offset -1 and no label where nothing is committed."""

    client: str
    group: str
    place: Place
    offset: int
    label: str
    began: Moment
    ended: Moment


@dataclass(slots=True)
class TopicChange:
    """One attempt to create or delete a topic. Acknowledged means that it is as asked, by whomever it was done."""

    client: str
    name: str
    creates: bool
    began: Moment
    outcome: Outcome = Outcome.PENDING
    ended: Moment | None = None


@dataclass(slots=True)
class History:
    """`now_s` is the clock of the run: the world's own, not a client's."""

    now_s: Callable[[], float]
    sends: list[Send] = field(default_factory=list)
    fetches: list[Fetch] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    leader_views: list[LeaderView] = field(default_factory=list)
    commits: list[Commit] = field(default_factory=list)
    committed_reads: list[CommittedRead] = field(default_factory=list)
    topic_changes: list[TopicChange] = field(default_factory=list)
    # Consumers that read on until they had all that was acknowledged.
    finished: set[tuple[str, Place]] = field(default_factory=set)
    producer_ids: list[tuple[str, Place, int]] = field(default_factory=list)
    _moments: int = 0
    _connections: int = 0

    def moment(self) -> Moment:
        self._moments += 1
        return Moment(self._moments, self.now_s())

    def new_connection(self) -> int:
        self._connections += 1
        return self._connections

    # --- records -------------------------------------------------------------------------------------------------

    def begin_send(self, producer: str, place: Place, values: tuple[bytes, ...], *, is_idempotent: bool = True) -> Send:
        send = Send(producer, place, values, self.moment(), is_idempotent)
        self.sends.append(send)
        return send

    def end_send(self, send: Send, outcome: Outcome, base_offset: int = -1) -> None:
        assert send.outcome is Outcome.PENDING, f"it ended already: {send}"
        send.outcome, send.base_offset, send.ended = outcome, base_offset, self.moment()

    def acknowledged_end(self, place: Place) -> int:
        """The offset behind the last record of the partition that was acknowledged."""
        ends = [
            send.base_offset + len(send.values)
            for send in self.sends
            if send.place == place and send.outcome is Outcome.ACKNOWLEDGED and send.base_offset >= 0
        ]
        return max(ends, default=0)

    # --- offsets -------------------------------------------------------------------------------------------------

    def begin_commit(self, group: str, place: Place, offset: int) -> Commit:
        moment = self.moment()
        commit = Commit(group, place, offset, f"{group} {moment.number}", moment)
        self.commits.append(commit)
        return commit

    def end_commit(self, commit: Commit, outcome: Outcome) -> None:
        assert commit.outcome is Outcome.PENDING, f"it ended already: {commit}"
        commit.outcome, commit.ended = outcome, self.moment()

    # --- topics --------------------------------------------------------------------------------------------------

    def begin_topic_change(self, client: str, name: str, *, creates: bool) -> TopicChange:
        change = TopicChange(client, name, creates, self.moment())
        self.topic_changes.append(change)
        return change

    def end_topic_change(self, change: TopicChange, outcome: Outcome) -> None:
        assert change.outcome is Outcome.PENDING, f"it ended already: {change}"
        change.outcome, change.ended = outcome, self.moment()

    def summary(self) -> str:
        acknowledged = sum(send.outcome is Outcome.ACKNOWLEDGED for send in self.sends)
        return (
            f"{len(self.sends)} batches sent, {acknowledged} acknowledged; {len(self.fetches)} fetches; "
            f"{len(self.commits)} commits, {len(self.committed_reads)} read back; "
            f"{len(self.topic_changes)} topic changes"
        )
