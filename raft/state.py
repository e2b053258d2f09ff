"""Everything one node knows, shared by the files that act on it: election, replication, snapshots, reads.

Roles and how they change; anything else is a defect:

    FOLLOWER ──timeout──► PRE_CANDIDATE ──majority would vote──► CANDIDATE ──majority voted──► LEADER
        ▲                      │                                    │                            │
        └── leader seen, higher term, vote lost, quorum lost, removed ◄──────────────────────────┘
    FOLLOWER ── TimeoutNow (the leader asks for it) ──► CANDIDATE
"""

from __future__ import annotations

from collections.abc import Callable

from raft.config import RaftConfig
from raft.log import RaftLog
from raft.membership import ConfigurationHistory
from raft.messages import (
    NO_DIRECTORY,
    NO_NODE,
    AppendResponse,
    Configuration,
    Entry,
    Message,
    SnapshotChunk,
    SnapshotMetadata,
    SnapshotResponse,
    VoteRequest,
    VoteResponse,
)
from raft.progress import Progress
from raft.proposals import Proposals
from raft.ready import ReadState, Role
from raft.storage import Storage

TRANSITIONS = {
    Role.FOLLOWER: {Role.FOLLOWER, Role.PRE_CANDIDATE, Role.CANDIDATE},
    Role.PRE_CANDIDATE: {Role.FOLLOWER, Role.PRE_CANDIDATE, Role.CANDIDATE},
    Role.CANDIDATE: {Role.FOLLOWER, Role.PRE_CANDIDATE, Role.LEADER},
    Role.LEADER: {Role.FOLLOWER},
}

# These vouch for something on this node's disk, so they wait for the Ready that writes it. Everything else
# reflects the term alone, and may leave at once where that is durable already.
_VOUCHING = frozenset({AppendResponse, SnapshotResponse, VoteRequest, VoteResponse})

_ALL = 1 << 62


class RaftState:
    """Fields and the few operations that every file needs. `jitter(n)` gives a number in [0, n)."""

    __slots__ = (
        "append_due",
        "config",
        "configurations",
        "durable_term",
        "early_messages",
        "election_elapsed",
        "election_timeout",
        "heartbeat_elapsed",
        "id",
        "incoming_chunks",
        "incoming_position",
        "incoming_snapshot",
        "jitter",
        "leader",
        "log",
        "messages",
        "next_read_id",
        "peers",
        "proposals",
        "read_sequence",
        "read_states",
        "reads_forwarded",
        "reads_postponed",
        "reads_unconfirmed",
        "reads_unsent",
        "role",
        "storage",
        "term",
        "ticks",
        "transfer_target",
        "voted_for",
        "voters",
        "votes",
    )

    def __init__(self, config: RaftConfig, storage: Storage, jitter: Callable[[int], int]) -> None:
        hard_state = storage.hard_state()
        self.config = config
        self.id = config.node_id
        self.storage = storage
        self.jitter = jitter
        # Durable state (§5.1), and which term is known to be durable.
        self.term = self.durable_term = hard_state.term
        self.voted_for = hard_state.voted_for
        self.log = RaftLog(storage)
        assert self.log.last_term <= self.term, "hard state must be written before entries of its term"
        self.configurations = _read_configurations(storage, self.log)
        self.voters = tuple(self.configurations.current.voters)
        # Role.
        self.role = Role.FOLLOWER
        self.leader = NO_NODE
        self.votes: dict[int, bool] = {}
        self.transfer_target = NO_NODE
        # Leader only: every member, this node included, which counts what is durable here.
        self.peers: dict[int, Progress] = {}
        # There are entries or commits that some member was not told of: the next Ready does.
        self.append_due = False
        # Time, in ticks.
        self.ticks = 0
        self.election_elapsed = 0
        self.heartbeat_elapsed = 0
        self.election_timeout = config.election_ticks + jitter(config.election_ticks)
        # Proposals and reads.
        self.proposals = Proposals()
        # A restart must not take an old answer for its own: ids start anywhere.
        self.next_read_id = jitter(_ALL)
        self.read_sequence = 0
        self.reads_unsent: list[tuple[int, int]] = []
        self.reads_postponed: list[tuple[int, int]] = []
        self.reads_unconfirmed: list[tuple[int, int, int, int]] = []
        self.reads_forwarded: dict[int, int] = {}
        self.read_states: list[ReadState] = []
        # A snapshot on its way in.
        self.incoming_snapshot: SnapshotMetadata | None = None
        self.incoming_position = 0
        self.incoming_chunks: list[SnapshotChunk] = []
        # Messages on their way out: at once, or after persisting.
        self.early_messages: list[Message] = []
        self.messages: list[Message] = []

    def send(self, message: Message) -> None:
        if self.durable_term != self.term or type(message) in _VOUCHING:
            self.messages.append(message)
        else:
            self.early_messages.append(message)

    def change_role(self, role: Role) -> None:
        assert role in TRANSITIONS[self.role], f"{self.role} -> {role}"
        self.role = role

    def reset_election_timer(self) -> None:
        """§5.2: a new random timeout each time, so that a split vote is not repeated."""
        self.election_elapsed = 0
        self.election_timeout = self.config.election_ticks + self.jitter(self.config.election_ticks)

    def is_voter(self) -> bool:
        """Whether this node, on this disk, is a voter of the configuration in force."""
        return self._is_voter_of(self.configurations.current)

    def _is_voter_of(self, configuration: Configuration) -> bool:
        directory_id = configuration.voters.get(self.id)
        return directory_id is not None and directory_id in (NO_DIRECTORY, self.config.directory_id)

    def may_campaign(self) -> bool:
        """Thesis §4.2.2: a node that its newest configuration removes is still needed while that is not
        committed: it may be the only one that holds it. (It does not count itself.)"""
        if self.is_voter():
            return True
        configurations = self.configurations
        if configurations.current_index <= self.log.committed:
            return False
        before = configurations.at(configurations.current_index - 1)
        return before is not None and self._is_voter_of(before)

    def has_committed_in_term(self) -> bool:
        """§5.4.2: only then does a leader know everything that is committed."""
        return self.log.term(self.log.committed) == self.term

    def configuration_changed(self) -> None:
        self.voters = tuple(self.configurations.current.voters)

    def new_progress(self, next_index: int) -> Progress:
        return Progress(next_index, self.config.inflight_messages_max, self.config.inflight_bytes_max)


def _read_configurations(storage: Storage, log: RaftLog) -> ConfigurationHistory:
    """The snapshot's configuration and every one in the entries behind it."""
    snapshot = storage.snapshot()
    history = ConfigurationHistory(snapshot)
    index = snapshot.index + 1
    while index <= log.last_index:
        entries: list[Entry] | None = log.entries(index, log.last_index + 1, 8 * 1024 * 1024)
        assert entries, "a hole in the log behind the snapshot"
        history.appended(entries)
        index = entries[-1].index + 1
    return history
