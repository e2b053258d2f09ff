"""The active controller's care for the metadata quorum: nodes that join, voters added and removed (KIP-853).

A node that is no voter is a learner: it is sent the log, and counted for nothing. A learner that has caught up may
become a voter, a voter may become a learner again; one voter changes at a time.
"""

from __future__ import annotations

from collections.abc import Mapping

from broker.controller.proposals import Proposals
from broker.metadata import MemberRecord
from broker.quorum import RaftQuorum
from protocol.errors import ErrorCode, KafkaError
from raft import NO_DIRECTORY, Change, ChangeKind

# A learner that lacks fewer entries than this will have them before its first vote matters.
LAG_MAX = 100

Address = tuple[str, int]


class VoterManager:
    """Its methods raise KafkaError NOT_CONTROLLER where this node is not the active controller."""

    def __init__(self, *, proposals: Proposals, quorum: RaftQuorum, configured: Mapping[int, Address]) -> None:
        """`configured`: where this node's configuration says that voters answer."""
        self._proposals = proposals
        self._quorum = quorum
        self._configured = configured

    def active_changed(self, is_active: bool) -> None:
        """A node that joins was told a few controllers' addresses: the log tells it those of all."""
        if not is_active or len(self._configured) < 2:
            return
        known = self._proposals.image.members
        missing = [MemberRecord(n, *address) for n, address in self._configured.items() if known.get(n) != address]
        if missing:
            self._proposals.submit(missing)

    async def join(self, node_id: int, directory_id: bytes, address: Address) -> None:
        """Send this node the metadata log from now on, at this address."""
        self._quorum.require_leader()
        await self._note_address(node_id, address)
        configuration = self._quorum.configuration
        if node_id in configuration.voters:
            return
        if node_id in configuration.learners:
            if configuration.directory_of(node_id) in (NO_DIRECTORY, directory_id):
                return
            # It is on another disk now, where nothing of what it acknowledged is.
            await self._quorum.change_members([Change(ChangeKind.REMOVE, node_id)])
        await self._quorum.change_members([Change(ChangeKind.ADD_LEARNER, node_id, directory_id)])

    async def add(self, node_id: int, directory_id: bytes, addresses: list[Address]) -> None:
        """KafkaError DUPLICATE_VOTER, VOTER_NOT_FOUND, and REQUEST_TIMED_OUT for one that has yet to catch up."""
        self._quorum.require_leader()
        configuration = self._quorum.configuration
        if node_id in configuration.voters:
            raise KafkaError(ErrorCode.DUPLICATE_VOTER, f"node {node_id} is a voter")
        if addresses:
            await self._note_address(node_id, addresses[0])
        if node_id not in configuration.learners:
            raise KafkaError(
                ErrorCode.VOTER_NOT_FOUND,
                f"node {node_id} does not follow the metadata log: start it first, with "
                "controller.quorum.bootstrap.servers naming this cluster",
            )
        status = self._quorum.status()
        if status.committed - status.peers[node_id].match > LAG_MAX:
            raise KafkaError(ErrorCode.REQUEST_TIMED_OUT, f"node {node_id} has yet to catch up; try again")
        await self._quorum.change_members([Change(ChangeKind.ADD_VOTER, node_id, directory_id)])

    async def remove(self, node_id: int, directory_id: bytes) -> None:
        """Make a learner of it. KafkaError VOTER_NOT_FOUND."""
        self._quorum.require_leader()
        voters = self._quorum.configuration.voters
        if node_id not in voters or voters[node_id] not in (NO_DIRECTORY, directory_id):
            raise KafkaError(ErrorCode.VOTER_NOT_FOUND, f"node {node_id} with that directory id is no voter")
        await self._quorum.change_members([Change(ChangeKind.ADD_LEARNER, node_id)])

    async def _note_address(self, node_id: int, address: Address) -> None:
        if self._proposals.image.members.get(node_id) != address:
            await self._proposals.submit([MemberRecord(node_id, *address)])
