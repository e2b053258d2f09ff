"""What nodes say to each other: one small class per message, all of them plain data.

Every message carries `term`, `sender` and `recipient`; a response carries the term of whoever responds, so
that a deposed leader or a stuck candidate learns of a higher term from any answer. Their bytes are in
`raft.encoding`.

| message | from → to | answered by |
|---|---|---|
| VoteRequest (pre_vote or not) | candidate → voter | VoteResponse |
| AppendRequest | leader → member | AppendResponse |
| Heartbeat | leader → member | HeartbeatResponse |
| SnapshotChunk | leader → member too far behind | SnapshotResponse; after the last one AppendResponse |
| TimeoutNow | leader → the next leader | (an election) |
| ReadIndexRequest | follower → leader | ReadIndexResponse |
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

# Kafka's node ids start at 0, so "nobody" is below that.
NO_NODE = -1

# KIP-853: a voter is a node id and the id of the disk it lives on; zeros mean "not known, not checked".
NO_DIRECTORY = bytes(16)


class EntryKind(IntEnum):
    """What an entry means to Raft; only NORMAL ones mean anything to the state machine."""

    NORMAL = 0
    NO_OP = 1  # the first entry of every term: committing it commits everything before it
    CONFIGURATION = 2  # `data` is an encoded Configuration, in force from the moment it is appended


@dataclass(slots=True)
class Entry:
    """One place in the log. The same (index, term) is the same entry everywhere, for ever."""

    term: int
    index: int
    kind: EntryKind
    data: bytes


@dataclass(frozen=True, slots=True)
class Configuration:
    """Who takes part: node id → directory id. A node is in at most one of the two."""

    voters: dict[int, bytes] = field(default_factory=dict)
    learners: dict[int, bytes] = field(default_factory=dict)

    def __contains__(self, node_id: int) -> bool:
        return node_id in self.voters or node_id in self.learners

    def members(self) -> list[int]:
        return [*self.voters, *self.learners]

    def directory_of(self, node_id: int) -> bytes:
        return self.voters.get(node_id) or self.learners.get(node_id) or NO_DIRECTORY

    @classmethod
    def of(cls, *voters: int) -> Configuration:
        """Voters by id alone, as `controller.quorum.voters` names them."""
        return cls(voters=dict.fromkeys(voters, NO_DIRECTORY))


@dataclass(frozen=True, slots=True)
class SnapshotMetadata:
    """Which state a snapshot holds: everything up to and including `index`, and the members as of then.

    Two snapshots with equal metadata have equal bytes (`checksum` is of the whole content, by whoever
    wrote it), so a transfer may be resumed from another node.
    """

    index: int = 0
    term: int = 0
    configuration: Configuration = field(default_factory=Configuration)
    size_bytes: int = 0
    checksum: int = 0


@dataclass(slots=True)
class VoteRequest:
    """§5.2, §5.4.1. A pre-vote (thesis §9.6) asks for `term` without anyone entering it."""

    term: int
    sender: int
    recipient: int
    last_index: int
    last_term: int
    pre_vote: bool = False
    transfer: bool = False  # the leader asked for this election: leader stickiness does not apply
    recipient_directory: bytes = NO_DIRECTORY  # KIP-853: a voter with another disk has forgotten its votes


@dataclass(slots=True)
class VoteResponse:
    """A granted pre-vote carries the term asked for; every other one the voter's own."""

    term: int
    sender: int
    recipient: int
    granted: bool
    pre_vote: bool = False


@dataclass(slots=True)
class AppendRequest:
    """§5.3: `entries` follow directly on `previous_index`."""

    term: int
    sender: int
    recipient: int
    previous_index: int
    previous_term: int
    committed: int
    entries: list[Entry] = field(default_factory=list)


@dataclass(slots=True)
class AppendResponse:
    """Accepted: the log matches up to `index` and is durable there. Rejected: `index` is the request's
    previous_index, and the logs can agree at most at `hint_index`, where the follower has `hint_term`.
    `lost_data`: the follower was told of a commit that it does not have; all it has ends at `hint_index`."""

    term: int
    sender: int
    recipient: int
    index: int
    rejected: bool = False
    hint_index: int = 0
    hint_term: int = 0
    lost_data: bool = False


@dataclass(slots=True)
class Heartbeat:
    """`committed` never exceeds what the leader knows this follower to have."""

    term: int
    sender: int
    recipient: int
    committed: int
    read_sequence: int = 0


@dataclass(slots=True)
class HeartbeatResponse:
    """Echoes the sequence: whoever gets a quorum of them was leader when that round began."""

    term: int
    sender: int
    recipient: int
    read_sequence: int = 0


@dataclass(slots=True)
class SnapshotChunk:
    """Bytes [position, position + len(data)) of the snapshot; the last one reaches `metadata.size_bytes`."""

    term: int
    sender: int
    recipient: int
    metadata: SnapshotMetadata
    position: int
    data: bytes


@dataclass(slots=True)
class SnapshotResponse:
    """The follower has everything below `position` of snapshot `index`; send from there."""

    term: int
    sender: int
    recipient: int
    index: int
    position: int


@dataclass(slots=True)
class TimeoutNow:
    """Thesis §3.10: campaign at once, you have the whole log."""

    term: int
    sender: int
    recipient: int


@dataclass(slots=True)
class ReadIndexRequest:
    """A follower asks for an index that it must have applied to read linearly."""

    term: int
    sender: int
    recipient: int
    read_id: int


@dataclass(slots=True)
class ReadIndexResponse:
    """`index` is -1 where the leader could not confirm that it leads."""

    term: int
    sender: int
    recipient: int
    read_id: int
    index: int


Message = (
    VoteRequest
    | VoteResponse
    | AppendRequest
    | AppendResponse
    | Heartbeat
    | HeartbeatResponse
    | SnapshotChunk
    | SnapshotResponse
    | TimeoutNow
    | ReadIndexRequest
    | ReadIndexResponse
)
