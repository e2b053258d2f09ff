"""The door: one node of a Raft group as a state machine that is told what happened and says what to do.

Not thread-safe, and never blocking except where `Storage` reads. All methods may be called between two
Readies; nothing they cause leaves the node before the next `ready()`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from raft import election, reads, replication, snapshots
from raft.config import RaftConfig
from raft.encoding import encode_configuration
from raft.membership import Change, ConfigurationError, apply_changes
from raft.messages import (
    NO_NODE,
    AppendRequest,
    AppendResponse,
    Configuration,
    Entry,
    EntryKind,
    Heartbeat,
    HeartbeatResponse,
    Message,
    ReadIndexRequest,
    ReadIndexResponse,
    SnapshotChunk,
    SnapshotResponse,
    TimeoutNow,
    VoteRequest,
    VoteResponse,
)
from raft.progress import ProgressState
from raft.ready import HardState, Ready, Refusal, Refused, Role, SoftState
from raft.state import RaftState
from raft.status import Status, describe
from raft.storage import Storage

_FROM_LEADER = frozenset({AppendRequest, Heartbeat, SnapshotChunk})

_HANDLERS: dict[type, Callable[[RaftState, Any], None]] = {
    VoteRequest: election.handle_vote_request,
    VoteResponse: election.handle_vote_response,
    AppendRequest: replication.handle_append_request,
    AppendResponse: replication.handle_append_response,
    Heartbeat: replication.handle_heartbeat,
    HeartbeatResponse: replication.handle_heartbeat_response,
    SnapshotChunk: snapshots.handle_chunk,
    SnapshotResponse: snapshots.handle_response,
    TimeoutNow: election.handle_timeout_now,
    ReadIndexRequest: reads.handle_request,
    ReadIndexResponse: reads.handle_response,
}


class RaftNode:
    """See the package for the loop around it. `jitter(n)` gives a number in [0, n), uniformly."""

    def __init__(self, config: RaftConfig, storage: Storage, *, jitter: Callable[[int], int]) -> None:
        self._state = RaftState(config, storage, jitter)
        self._storage = storage
        self._number = 0
        self._under_way: deque[Ready] = deque()
        # What the driver was last told to keep.
        self._given = HardState(self._state.term, self._state.voted_for, self._state.log.committed)
        self._soft: SoftState | None = None
        self._applied = self._state.log.applying

    @property
    def leader(self) -> int:
        """The leader of this term as far as known, or NO_NODE."""
        return self._state.leader

    @property
    def is_leader(self) -> bool:
        return self._state.role is Role.LEADER

    # --- what happened ---------------------------------------------------------------------------------

    def tick(self) -> None:
        """One unit of time passed; `RaftConfig` counts in these."""
        election.tick(self._state)

    def step(self, message: Message) -> None:
        """A message arrived. Messages may be lost, doubled, delayed and reordered, but not altered."""
        state = self._state
        if message.recipient != state.id or message.sender == state.id:
            return  # misdirected: somebody's address is configured wrongly
        if message.term > state.term:
            if not _enter_higher_term(state, message):
                return
        elif message.term < state.term:
            _answer_lower_term(state, message)
            return
        kind = type(message)
        if kind in _FROM_LEADER:
            election.follow(state, message.sender)
        _HANDLERS[kind](state, message)
        if state.role is Role.LEADER:
            election.resign_if_removed(state)

    def campaign(self) -> None:
        """Do not wait for the timeout. Nothing happens where this node leads already or may not vote."""
        if self._state.role is not Role.LEADER and election.is_promotable(self._state):
            election.campaign(self._state)

    def forget_leader(self) -> None:
        """The leader is known to be unreachable: campaign soon, and vote for others who do."""
        election.forget_leader(self._state)

    def report_unreachable(self, node_id: int) -> None:
        """Messages to this member were dropped: probe it instead of filling its window."""
        progress = self._state.peers.get(node_id)
        if progress is not None and node_id != self._state.id and progress.state is ProgressState.REPLICATE:
            progress.become_probe()

    # --- what is wanted --------------------------------------------------------------------------------

    def propose(self, data: bytes) -> int:
        """Append to the log, if this node leads; raises Refused otherwise, having done nothing. The id comes
        back exactly once, in some Ready's `settled`."""
        state = self._state
        self._check_leading()
        proposals, config = state.proposals, state.config
        if (
            len(proposals) >= config.proposals_pending_max
            or proposals.pending_bytes + len(data) > config.proposals_pending_bytes_max
        ):
            raise Refused(Refusal.BUSY, state.leader)
        return self._append(EntryKind.NORMAL, data)

    def propose_configuration_change(self, changes: Sequence[Change]) -> int:
        """Change one voter and any number of learners; settles like a proposal. In force at once, so the
        answer UNKNOWN or NOT_LEADER means: look at the configuration before trying again."""
        state = self._state
        self._check_leading()
        if state.configurations.current_index > state.log.committed:
            raise Refused(Refusal.PENDING_CHANGE, state.leader)
        if not state.has_committed_in_term():
            # The bug of 2015: an earlier leader's change may be in some logs and not in ours.
            raise Refused(Refusal.TERM_NOT_COMMITTED, state.leader)
        try:
            configuration = apply_changes(state.configurations.current, changes)
        except ConfigurationError as error:
            raise Refused(Refusal.INVALID, state.leader, str(error)) from error
        return self._append(EntryKind.CONFIGURATION, encode_configuration(configuration))

    def transfer_leadership(self, target: int) -> None:
        """Hand over to a voter as soon as it has the whole log; proposals are refused meanwhile, for at most
        an election timeout. Watch `soft_state` for the outcome."""
        state = self._state
        if state.role is not Role.LEADER:
            raise Refused(Refusal.NOT_LEADER, state.leader)
        if target not in state.voters:
            raise Refused(Refusal.INVALID, state.leader, f"node {target} is not a voter")
        if target in (state.id, state.transfer_target):
            if target == state.id:
                state.transfer_target = NO_NODE
            return
        state.transfer_target = target
        state.election_elapsed = 0
        progress = state.peers[target]
        if progress.match == state.log.last_index:
            replication.send_timeout_now_if_caught_up(state)
        else:
            replication.send_append(state, target, progress, even_if_empty=True)

    def read_index(self) -> int:
        """Ask for an index that a linear read must have applied; raises Refused where no leader is known. The
        id comes back exactly once, in some Ready's `read_states`."""
        return reads.request(self._state)

    def _check_leading(self) -> None:
        state = self._state
        if state.role is not Role.LEADER:
            raise Refused(Refusal.NOT_LEADER, state.leader)
        if state.transfer_target != NO_NODE:
            raise Refused(Refusal.TRANSFERRING, state.transfer_target)

    def _append(self, kind: EntryKind, data: bytes) -> int:
        state = self._state
        entry = Entry(state.term, state.log.last_index + 1, kind, data)
        replication.append_own(state, entry)
        return state.proposals.accept(entry)

    # --- what to do ------------------------------------------------------------------------------------

    def ready(self) -> Ready | None:
        """What has gathered since the last one, or None. Several may be under way; each is carried out, and
        then handed to `advance`, in order."""
        state = self._state
        if state.role is Role.LEADER:
            if state.reads_unsent and reads.begin_round(state):
                replication.broadcast_heartbeat(state)
            if state.append_due:
                replication.flush_appends(state)
        log, given = state.log, self._given
        changed_vote = state.term != given.term or state.voted_for != given.voted_for
        soft = self._changed_soft_state()
        if not (
            changed_vote
            or state.messages
            or state.early_messages
            or soft is not None
            or log.has_unpersisted()
            or log.has_committed()
            or state.proposals.settled
            or state.read_states
            or state.incoming_chunks
        ):
            return None
        self._number += 1
        ready = Ready(self._number, soft_state=soft)
        # Never ahead of the entries it speaks of: those of this Ready may be torn off in a crash, and older
        # ones of another leader appear in their place.
        hint = max(given.committed, min(log.committed, log.stable_index))
        if changed_vote or hint != given.committed:
            self._given = ready.hard_state = HardState(state.term, state.voted_for, hint)
        self._fill(ready)
        ready.must_sync = changed_vote or bool(ready.entries) or ready.snapshot is not None
        self._under_way.append(ready)
        return ready

    def _fill(self, ready: Ready) -> None:
        state, log = self._state, self._state.log
        ready.entries, ready.snapshot = log.take_unpersisted()
        if state.incoming_chunks:
            ready.snapshot_chunks, state.incoming_chunks = state.incoming_chunks, []
        if log.has_committed():
            ready.committed_entries = log.take_committed(state.config.committed_bytes_per_ready)
            state.proposals.committed(ready.committed_entries)
        ready.early_messages, state.early_messages = state.early_messages, []
        ready.messages, state.messages = state.messages, []
        if state.proposals.settled:
            ready.settled = state.proposals.take_settled()
        if state.read_states:
            ready.read_states, state.read_states = state.read_states, []

    def _changed_soft_state(self) -> SoftState | None:
        state, soft = self._state, self._soft
        configuration = state.configurations.current
        if (
            soft is not None
            and soft.role is state.role
            and soft.leader == state.leader
            and soft.term == state.term
            and soft.configuration is configuration
        ):
            return None
        self._soft = SoftState(state.role, state.leader, state.term, configuration)
        return self._soft

    def advance(self, ready: Ready) -> None:
        """The oldest Ready was carried out: persisted, and its committed entries given to the state machine."""
        assert self._under_way, "advance without a Ready under way"
        oldest = self._under_way.popleft()
        assert oldest is ready, f"Ready {oldest.number} is to be advanced before {ready.number}"
        state = self._state
        state.log.persisted(ready.snapshot)
        if ready.hard_state is not None:
            state.durable_term = ready.hard_state.term
        if ready.snapshot is not None:
            self._applied = max(self._applied, ready.snapshot.index)
        if ready.committed_entries:
            self._applied = ready.committed_entries[-1].index
        if state.role is Role.CANDIDATE:
            election.own_vote_persisted(state)
        elif state.role is Role.LEADER:
            replication.own_log_persisted(state)
            election.resign_if_removed(state)

    # --- what is known ---------------------------------------------------------------------------------

    def configuration_at(self, index: int) -> Configuration | None:
        """What a snapshot of `index`, which is applied, must contain. None: do not take it, a newer snapshot
        is on its way in."""
        return self._state.configurations.at(index)

    def compacted(self) -> None:
        """The driver took a snapshot or compacted its storage: forget what only older ones need."""
        self._state.configurations.compacted(self._storage.snapshot().index)

    def status(self) -> Status:
        return describe(self._state, self._applied)


def _enter_higher_term(state: RaftState, message: Message) -> bool:
    """§5.1: whoever sees a higher term enters it. False where the message is to be ignored."""
    kind = type(message)
    if isinstance(message, VoteRequest):
        if not message.transfer and election.is_sticky(state):
            return False
        if message.pre_vote:
            return True  # nobody enters a term because of a question
    elif isinstance(message, VoteResponse) and message.pre_vote and message.granted:
        return True  # the term that was asked for; the election that follows enters it
    election.become_follower(state, message.term, message.sender if kind in _FROM_LEADER else NO_NODE)
    return True


def _answer_lower_term(state: RaftState, message: Message) -> None:
    """Whoever lags learns of this term: a deposed leader steps down, a candidate that was cut off for long
    is let back in. Answers to this node's own old requests need none."""
    if isinstance(message, VoteRequest):
        state.send(VoteResponse(state.term, state.id, message.sender, False, message.pre_vote))
    elif type(message) in _FROM_LEADER:
        state.send(AppendResponse(state.term, state.id, message.sender, 0))
    elif isinstance(message, ReadIndexRequest):
        state.send(ReadIndexResponse(state.term, state.id, message.sender, message.read_id, -1))
