"""A look at a node, for those who describe a quorum, print metrics or test."""

from __future__ import annotations

from dataclasses import dataclass

from raft.messages import Configuration
from raft.progress import ProgressState
from raft.ready import Role
from raft.state import RaftState


@dataclass(frozen=True, slots=True)
class PeerStatus:
    """A member as the leader sees it; `match` is what it holds durably."""

    match: int
    next: int
    state: ProgressState
    is_voter: bool


@dataclass(frozen=True, slots=True)
class Status:
    """A look at a node; `peers` is empty unless it leads."""

    node_id: int
    role: Role
    leader: int
    term: int
    voted_for: int
    first_index: int
    last_index: int
    stable_index: int
    committed: int
    applied: int
    configuration: Configuration
    configuration_index: int
    transfer_target: int
    pending_proposals: int
    peers: dict[int, PeerStatus]


def describe(state: RaftState, applied: int) -> Status:
    log = state.log
    voters = state.configurations.current.voters
    peers = {
        node_id: PeerStatus(peer.match, peer.next, peer.state, node_id in voters)
        for node_id, peer in state.peers.items()
    }
    return Status(
        node_id=state.id,
        role=state.role,
        leader=state.leader,
        term=state.term,
        voted_for=state.voted_for,
        first_index=log.first_index,
        last_index=log.last_index,
        stable_index=log.stable_index,
        committed=log.committed,
        applied=applied,
        configuration=state.configurations.current,
        configuration_index=state.configurations.current_index,
        transfer_target=state.transfer_target,
        pending_proposals=len(state.proposals),
        peers=peers,
    )
