"""How a leader comes to be and ceases to be: timeouts, pre-votes, votes, stepping down, handing over."""

from __future__ import annotations

from raft import reads, replication
from raft.messages import (
    NO_DIRECTORY,
    NO_NODE,
    Entry,
    EntryKind,
    TimeoutNow,
    VoteRequest,
    VoteResponse,
)
from raft.progress import ProgressState
from raft.quorum import VoteResult, majority, vote_result
from raft.ready import Role
from raft.state import RaftState


def tick(state: RaftState) -> None:
    """One unit of time passes."""
    state.ticks += 1
    reads.expire(state)
    if state.role is Role.LEADER:
        _tick_leader(state)
        return
    unknown_at_tick = state.proposals.unknown_at_tick
    if unknown_at_tick is not None and state.ticks >= unknown_at_tick:
        state.proposals.give_up()
    state.election_elapsed += 1
    if state.election_elapsed >= state.election_timeout and is_promotable(state):
        campaign(state)


def _tick_leader(state: RaftState) -> None:
    state.election_elapsed += 1
    if state.election_elapsed >= state.config.election_ticks:
        state.election_elapsed = 0
        # Thesis §3.10: a target that did not take over within an election timeout will not.
        state.transfer_target = NO_NODE
        if not has_active_quorum(state):
            # Thesis §6.2: a leader without a quorum cannot do anything but mislead its clients.
            become_follower(state, state.term, NO_NODE)
            return
    state.heartbeat_elapsed += 1
    if state.heartbeat_elapsed >= state.config.heartbeat_ticks:
        replication.broadcast_heartbeat(state)


def has_active_quorum(state: RaftState) -> bool:
    """Whether a majority spoke to this leader since the last time this was asked."""
    active = 0
    for node_id in state.voters:
        active += node_id == state.id or state.peers[node_id].is_recently_active
    for progress in state.peers.values():
        progress.is_recently_active = False
    return active >= majority(len(state.voters))


def is_promotable(state: RaftState) -> bool:
    """Whether this node may campaign: a voter, on its own disk, whose log is whole."""
    return state.may_campaign() and state.log.pending_snapshot is None


def become_follower(state: RaftState, term: int, leader: int) -> None:
    assert term >= state.term, "a term never goes back"
    if state.role is Role.LEADER:
        _stop_leading(state)
    state.change_role(Role.FOLLOWER)
    if term > state.term:
        # Within one term the vote stays, whatever else changes: it may have elected someone.
        state.term = term
        state.voted_for = NO_NODE
    if leader != state.leader:
        reads.leader_changed(state)
    state.leader = leader
    state.votes.clear()
    state.reset_election_timer()


def _stop_leading(state: RaftState) -> None:
    state.peers.clear()
    state.transfer_target = NO_NODE
    state.append_due = False
    state.heartbeat_elapsed = 0
    reads.stop_leading(state)
    if len(state.proposals):
        state.proposals.unknown_at_tick = state.ticks + 2 * state.config.election_ticks


def campaign(state: RaftState) -> None:
    """Ask first whether an election could be won (thesis §9.6): a node that cannot win disturbs nobody."""
    assert is_promotable(state), "only voters campaign"
    state.change_role(Role.PRE_CANDIDATE)
    _forget_leader(state)
    # Nothing is promised by a pre-vote, so this node's own need not be durable.
    if _count_vote(state, state.id, True) is VoteResult.WON:
        start_election(state, transfer=False)
    else:
        _request_votes(state, state.term + 1, pre_vote=True, transfer=False)


def start_election(state: RaftState, *, transfer: bool) -> None:
    """§5.2. This node's own vote counts once it is durable: see `own_vote_persisted`."""
    state.change_role(Role.CANDIDATE)
    _forget_leader(state)
    state.term += 1
    state.voted_for = state.id
    _request_votes(state, state.term, pre_vote=False, transfer=transfer)


def _forget_leader(state: RaftState) -> None:
    if state.leader != NO_NODE:
        state.leader = NO_NODE
        reads.leader_changed(state)
    state.votes.clear()
    state.reset_election_timer()


def _request_votes(state: RaftState, term: int, *, pre_vote: bool, transfer: bool) -> None:
    log, voters = state.log, state.configurations.current.voters
    for voter, directory_id in voters.items():
        if voter != state.id:
            state.send(
                VoteRequest(term, state.id, voter, log.last_index, log.last_term, pre_vote, transfer, directory_id)
            )


def own_vote_persisted(state: RaftState) -> None:
    """The term of this candidacy is durable, and with it the vote that it began with."""
    if state.role is Role.CANDIDATE and state.durable_term == state.term and state.id not in state.votes:
        _tally(state, state.id, True)


def is_sticky(state: RaftState) -> bool:
    """Thesis §4.2.3: whoever hears from a leader does not help to depose it. This keeps removed and cut-off
    nodes from disturbing a cluster that works."""
    return state.leader != NO_NODE and state.election_elapsed < state.config.election_ticks


def handle_vote_request(state: RaftState, message: VoteRequest) -> None:
    """§5.4.1: one vote per term, and only for a log that holds at least what ours does."""
    may_vote = (
        state.voted_for == message.sender
        or (state.voted_for == NO_NODE and state.leader == NO_NODE)
        or (message.pre_vote and message.term > state.term)
    )
    # A node that is not (yet, to its knowledge) a voter votes too: the candidate may know better.
    granted = (
        may_vote
        and state.log.is_up_to_date(message.last_index, message.last_term)
        and message.recipient_directory in (NO_DIRECTORY, state.config.directory_id)
    )
    term = message.term if granted else state.term
    state.send(VoteResponse(term, state.id, message.sender, granted, message.pre_vote))
    if granted and not message.pre_vote:
        state.voted_for = message.sender
        state.election_elapsed = 0


def handle_vote_response(state: RaftState, message: VoteResponse) -> None:
    expected = Role.PRE_CANDIDATE if message.pre_vote else Role.CANDIDATE
    if message.pre_vote and message.granted and message.term != state.term + 1:
        return  # granted in an earlier round of asking
    if state.role is expected:
        _tally(state, message.sender, message.granted)


def _count_vote(state: RaftState, voter: int, granted: bool) -> VoteResult:
    # The first answer of a voter stands: a duplicate is not a second vote.
    state.votes.setdefault(voter, granted)
    return vote_result(state.voters, state.votes)


def _tally(state: RaftState, voter: int, granted: bool) -> None:
    result = _count_vote(state, voter, granted)
    if result is VoteResult.LOST:
        become_follower(state, state.term, NO_NODE)
    elif result is VoteResult.WON:
        if state.role is Role.PRE_CANDIDATE:
            start_election(state, transfer=False)
        elif state.votes.get(state.id):
            # Without its own durable vote a candidate could lead a term that it forgets in a crash.
            become_leader(state)


def become_leader(state: RaftState) -> None:
    assert state.durable_term == state.term, "a leader's term is durable"
    state.change_role(Role.LEADER)
    state.leader = state.id
    state.election_elapsed = state.heartbeat_elapsed = 0
    state.votes.clear()
    log, proposals = state.log, state.proposals
    proposals.drop_replaced({index: log.term(index) for index in proposals.open_indexes()})
    for node_id in state.configurations.current.members():
        state.peers[node_id] = state.new_progress(log.last_index + 1)
    if state.id in state.peers:
        own = state.peers[state.id]
        own.match, own.state = log.stable_index, ProgressState.REPLICATE
    # §5.4.2: an entry of the own term, whose commit commits all that came before.
    replication.append_own(state, Entry(state.term, log.last_index + 1, EntryKind.NO_OP, b""))


def handle_timeout_now(state: RaftState, message: TimeoutNow) -> None:
    """The leader hands over. No pre-vote: there is nothing to find out."""
    if state.role is Role.FOLLOWER and is_promotable(state):
        start_election(state, transfer=True)


def follow(state: RaftState, leader: int) -> None:
    """A message of this term that only its leader sends."""
    assert state.role is not Role.LEADER, f"nodes {state.id} and {leader} both lead term {state.term}"
    if state.role is Role.FOLLOWER and state.leader == leader:
        state.election_elapsed = 0
    else:
        become_follower(state, state.term, leader)


def resign_if_removed(state: RaftState) -> None:
    """The configuration without this leader is committed: tell everyone, hand over, step down."""
    if state.role is not Role.LEADER or state.is_voter():
        return
    if state.log.committed < state.configurations.current_index:
        return
    replication.flush_appends(state)
    successor = max(state.voters, key=lambda voter: state.peers[voter].match)
    state.send(TimeoutNow(state.term, state.id, successor))
    become_follower(state, state.term, NO_NODE)


def forget_leader(state: RaftState) -> None:
    """The leader is known to be gone (its connection closed and none can be made): do not wait for the
    timeout, but still at random, and let others who know it too have this node's vote."""
    if state.role is not Role.FOLLOWER or state.leader == NO_NODE:
        return
    become_follower(state, state.term, NO_NODE)
    soon = state.jitter(state.config.election_ticks // 2 + 1)
    state.election_timeout = min(state.election_timeout, state.config.heartbeat_ticks + soon)
