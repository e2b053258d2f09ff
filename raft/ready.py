"""What a node wants done: persist, send, apply, answer. The loop around it is described in `raft`."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from raft.messages import (
    NO_NODE,
    Configuration,
    Entry,
    Message,
    SnapshotChunk,
    SnapshotMetadata,
)


class Role(Enum):
    FOLLOWER = "follower"
    PRE_CANDIDATE = "pre-candidate"
    CANDIDATE = "candidate"
    LEADER = "leader"


@dataclass(frozen=True, slots=True)
class HardState:
    """Term and vote must be durable before a message that reflects them. `committed` is a hint that saves
    work after a restart; it speaks only of entries that were durable when it was handed out."""

    term: int = 0
    voted_for: int = NO_NODE
    committed: int = 0


@dataclass(frozen=True, slots=True)
class SoftState:
    """For those who watch; nothing here needs to be kept."""

    role: Role
    leader: int
    term: int
    configuration: Configuration


class Outcome(Enum):
    """How a proposal ended. OK: it is committed, and applied with this Ready's committed_entries.
    NOT_LEADER: it was not and never will be. UNKNOWN: it may have been; only the log can tell."""

    OK = "ok"
    NOT_LEADER = "not leader"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Settled:
    """The one and only answer to `propose`; `index` is where the entry was put."""

    proposal_id: int
    outcome: Outcome
    index: int


@dataclass(frozen=True, slots=True)
class ReadState:
    """The one and only answer to `read_index`: linear as soon as `index` is applied; None: not confirmed."""

    read_id: int
    index: int | None


@dataclass(slots=True)
class Ready:
    """One turn of the loop, to be carried out in the order of its fields."""

    number: int
    hard_state: HardState | None = None
    snapshot_chunks: list[SnapshotChunk] = field(default_factory=list)
    snapshot: SnapshotMetadata | None = None
    entries: list[Entry] = field(default_factory=list)
    must_sync: bool = False
    early_messages: list[Message] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    committed_entries: list[Entry] = field(default_factory=list)
    settled: list[Settled] = field(default_factory=list)
    read_states: list[ReadState] = field(default_factory=list)
    soft_state: SoftState | None = None


class Refusal(Enum):
    NOT_LEADER = "not leader"
    BUSY = "busy"
    TRANSFERRING = "transferring leadership"
    PENDING_CHANGE = "a configuration change is pending"
    TERM_NOT_COMMITTED = "no entry of this term is committed yet"
    INVALID = "invalid"


class Refused(Exception):
    """A request that changed nothing and may be repeated elsewhere or later; `leader` is who to ask."""

    def __init__(self, reason: Refusal, leader: int, detail: str = "") -> None:
        super().__init__(detail or reason.value)
        self.reason = reason
        self.leader = leader
