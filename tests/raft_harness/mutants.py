"""Raft with one mistake each. Every one of these was made by somebody, somewhere, in production.

`apply(monkeypatch)` breaks the real code in place; the tests must then notice.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from raft import NO_NODE, HardState, RaftNode, Ready, Role, Storage, election, reads, replication, snapshots
from raft.log import RaftLog
from raft.messages import AppendRequest, AppendResponse, Entry, Heartbeat, SnapshotChunk, SnapshotMetadata
from raft.node import _HANDLERS
from raft.proposals import Proposals
from raft.quorum import committed_index
from raft.ready import Outcome
from raft.state import RaftState


def vote_wiped_on_stepping_down(patch: pytest.MonkeyPatch) -> None:
    real = election.become_follower

    def become_follower(state: RaftState, term: int, leader: int) -> None:
        real(state, term, leader)
        state.voted_for = NO_NODE

    patch.setattr(election, "become_follower", become_follower)


def matching_suffix_truncated(patch: pytest.MonkeyPatch) -> None:
    def first_conflict(log: RaftLog, entries: list[Entry]) -> int:
        return next((place for place, entry in enumerate(entries) if entry.index > log.committed), len(entries))

    patch.setattr(RaftLog, "first_conflict", first_conflict)


def commit_over_an_unverified_snapshot_tail(patch: pytest.MonkeyPatch) -> None:
    real = snapshots.handle_chunk

    def handle_chunk(state: RaftState, message: SnapshotChunk) -> None:
        log = state.log
        behind = log.committed < message.metadata.index < log.last_index
        real(state, message)
        if behind and log.pending_snapshot is None and log.committed >= message.metadata.index:
            log.commit_to(log.last_index)

    patch.setitem(_HANDLERS, SnapshotChunk, handle_chunk)


def two_configuration_changes_at_once(patch: pytest.MonkeyPatch) -> None:
    real = RaftNode.propose_configuration_change

    def propose(node: RaftNode, changes: object) -> int:
        log = node._state.log
        committed, log.committed = log.committed, log.last_index
        try:
            return real(node, changes)  # type: ignore[arg-type]
        finally:
            log.committed = committed

    patch.setattr(RaftNode, "propose_configuration_change", propose)


def configuration_change_before_the_own_term_commits(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(RaftState, "has_committed_in_term", lambda state: True)


def old_term_committed_by_counting(patch: pytest.MonkeyPatch) -> None:
    def maybe_commit(state: RaftState) -> None:
        index = committed_index([state.peers[voter].match for voter in state.voters])
        if index > state.log.committed:
            state.log.commit_to(index)
            state.append_due = True
            reads.release_postponed(state)

    patch.setattr(replication, "maybe_commit", maybe_commit)


def vote_without_comparing_logs(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(RaftLog, "is_up_to_date", lambda log, last_index, last_term: True)


def leader_counts_itself_before_persisting(patch: pytest.MonkeyPatch) -> None:
    real = replication.maybe_commit

    def maybe_commit(state: RaftState) -> None:
        if state.id in state.peers:
            state.peers[state.id].acknowledge(state.log.last_index)
        real(state)

    patch.setattr(replication, "maybe_commit", maybe_commit)


def everything_sent_before_persisting(patch: pytest.MonkeyPatch) -> None:
    real = RaftNode.ready

    def ready(node: RaftNode) -> Ready | None:
        made = real(node)
        if made is not None:
            made.early_messages, made.messages = made.early_messages + made.messages, []
        return made

    patch.setattr(RaftNode, "ready", ready)


def candidate_leads_before_its_own_vote_is_durable(patch: pytest.MonkeyPatch) -> None:
    real = election.start_election

    def start_election(state: RaftState, *, transfer: bool) -> None:
        real(state, transfer=transfer)
        state.durable_term = state.term
        election.own_vote_persisted(state)

    patch.setattr(election, "start_election", start_election)


def every_vote_response_counted(patch: pytest.MonkeyPatch) -> None:
    """A duplicated answer is a second vote."""
    real = election._count_vote

    def count_vote(state: RaftState, voter: int, granted: bool) -> object:
        while granted and state.votes.get(voter) and voter in state.voters:
            others = [each for each in state.voters if each not in state.votes]
            if not others:
                break
            voter = others[0]
        return real(state, voter, granted)

    patch.setattr(election, "_count_vote", count_vote)


def heartbeat_commits_what_the_follower_may_not_have(patch: pytest.MonkeyPatch) -> None:
    real = replication.handle_heartbeat

    def broadcast(state: RaftState) -> None:
        state.heartbeat_elapsed = 0
        for node_id in state.peers:
            if node_id != state.id:
                state.send(Heartbeat(state.term, state.id, node_id, state.log.committed, state.read_sequence))

    def handle(state: RaftState, message: Heartbeat) -> None:
        message.committed = min(message.committed, state.log.last_index)
        real(state, message)

    patch.setattr(replication, "broadcast_heartbeat", broadcast)
    patch.setitem(_HANDLERS, Heartbeat, handle)


def append_commits_beyond_what_it_verified(patch: pytest.MonkeyPatch) -> None:
    real = replication.handle_append_request

    def handle(state: RaftState, message: object) -> None:
        real(state, message)  # type: ignore[arg-type]
        accepted = any(isinstance(each, AppendResponse) and not each.rejected for each in state.messages)
        if accepted:
            state.log.commit_to(min(message.committed, state.log.last_index))  # type: ignore[attr-defined]

    patch.setitem(_HANDLERS, AppendRequest, handle)


def overtaken_write_counts_as_durable(patch: pytest.MonkeyPatch) -> None:
    """The ABA race of asynchronous writes."""
    patch.setattr(RaftLog, "_lower_outstanding", lambda log, durable_to: None)

    def persisted(log: RaftLog, snapshot: SnapshotMetadata | None) -> None:
        if snapshot is not None and snapshot is log.pending_snapshot:
            log.pending_snapshot = None
        durable_to = min(log._outstanding.popleft(), log.last_index)
        if durable_to > log.stable_index:
            log.stable_index = durable_to

    patch.setattr(RaftLog, "persisted", persisted)


def read_without_asking_a_majority(patch: pytest.MonkeyPatch) -> None:
    real = reads.confirm

    def confirm(state: RaftState) -> None:
        for voter in state.voters:
            if voter != state.id:
                state.peers[voter].acknowledged_read_sequence = state.read_sequence
        real(state)

    patch.setattr(reads, "confirm", confirm)


def read_before_the_own_term_commits(patch: pytest.MonkeyPatch) -> None:
    def queue(state: RaftState, requester: int, read_id: int) -> None:
        state.reads_unsent.append((requester, read_id))

    patch.setattr(reads, "_queue", queue)


def proposals_forgotten_on_stepping_down(patch: pytest.MonkeyPatch) -> None:
    """They stay open, and a later entry at the same index answers them."""

    def committed(proposals: Proposals, entries: list[Entry]) -> None:
        while proposals._pending and proposals._pending[0].index <= entries[-1].index:
            proposals._settle_first(Outcome.OK)

    patch.setattr(Proposals, "committed", committed)


def removed_voter_may_not_campaign(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(RaftState, "may_campaign", RaftState.is_voter)


def no_pre_vote_and_no_stickiness(patch: pytest.MonkeyPatch) -> None:
    def campaign(state: RaftState) -> None:
        state.change_role(Role.PRE_CANDIDATE)
        election.start_election(state, transfer=True)

    patch.setattr(election, "campaign", campaign)


def commit_kept_ahead_of_its_entries(patch: pytest.MonkeyPatch) -> None:
    real = RaftNode.ready

    def ready(node: RaftNode) -> Ready | None:
        log = node._state.log
        stable, log.stable_index = log.stable_index, log.last_index
        try:
            return real(node)
        finally:
            log.stable_index = stable

    def init(log: RaftLog, storage: Storage) -> None:
        hint = min(storage.hard_state().committed, storage.last_index())
        real_init(log, _WithHint(storage, hint))  # type: ignore[arg-type]
        log._storage = storage

    real_init = RaftLog.__init__
    patch.setattr(RaftNode, "ready", ready)
    patch.setattr(RaftLog, "__init__", init)


class _WithHint:
    """Storage whose committed index was cut to the length of its log."""

    def __init__(self, storage: Storage, hint: int) -> None:
        self._storage, self._hint = storage, hint

    def __getattr__(self, name: str) -> object:
        return getattr(self._storage, name)

    def hard_state(self) -> HardState:
        return replace(self._storage.hard_state(), committed=self._hint)
