"""The active controller's care for the metadata quorum: nodes that join, voters added and removed (KIP-853).

A node that is no voter is a learner: it is sent the log, and counted for nothing. A learner that has caught up may
become a voter, a voter may become a learner again; one voter changes at a time.

A voter on another disk has forgotten its votes, so it is no voter: as soon as the others can decide without it, it is a
learner, and a voter again when it has caught up. Kafka leaves both steps to an operator.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from broker.controller.proposals import Proposals
from broker.metadata import MemberRecord
from broker.quorum import RaftQuorum
from protocol.errors import ErrorCode, KafkaError
from raft import NO_DIRECTORY, Change, ChangeKind

logger = logging.getLogger(__name__)

# A learner that lacks fewer entries than this will have them before its first vote matters.
LAG_MAX = 100

Address = tuple[str, int]


class VoterManager:
    """Its methods raise KafkaError NOT_CONTROLLER where this node is not the active controller."""

    def __init__(
        self,
        *,
        proposals: Proposals,
        quorum: RaftQuorum,
        configured: Mapping[int, Address],
        node_id: int,
        directory_id: bytes,
    ) -> None:
        """`configured`: where this node's configuration says that voters answer."""
        self._proposals = proposals
        self._quorum = quorum
        self._configured = configured
        self._node_id = node_id
        self._directory_id = directory_id

    def active_changed(self, is_active: bool) -> None:
        """A node that joins was told a few controllers' addresses: the log tells it those of all."""
        if not is_active:
            return
        self._name_own_directory()
        if len(self._configured) < 2:
            return
        known = self._proposals.image.members
        missing = [MemberRecord(n, *address) for n, address in self._configured.items() if known.get(n) != address]
        if missing:
            self._proposals.submit(missing)

    def _name_own_directory(self) -> None:
        voters = self._quorum.configuration.voters
        if len(voters) < 2 or voters.get(self._node_id) != NO_DIRECTORY:
            return
        try:
            change = Change(ChangeKind.ADD_VOTER, self._node_id, self._directory_id)
            self._quorum.change_members([change]).add_done_callback(lambda future: future.exception())
        except KafkaError as error:
            logger.info("the log does not say yet which directory this node votes from: %s", error.message)

    async def join(self, node_id: int, directory_id: bytes, address: Address, *, begins_as_voter: bool = False) -> None:
        """Send this node the metadata log from now on, at this address. A voter is one from this directory.

        KafkaError REQUEST_TIMED_OUT where that has to wait."""
        self._quorum.require_leader()
        await self._note_address(node_id, address)
        configuration = self._quorum.configuration
        known = configuration.directory_of(node_id)
        if node_id in configuration.voters:
            await self._hear_voter(node_id, known, directory_id)
        elif node_id not in configuration:
            await self._quorum.change_members([Change(ChangeKind.ADD_LEARNER, node_id, directory_id)])
        elif known not in (NO_DIRECTORY, directory_id):
            # It is on another disk now, where nothing of what it acknowledged is.
            await self._replace(node_id, directory_id)
        elif begins_as_voter and node_id in self._configured:
            await self.add(node_id, directory_id, [])
            logger.warning("node %d has caught up and votes again, from its new directory", node_id)

    async def _hear_voter(self, node_id: int, known: bytes, directory_id: bytes) -> None:
        if known == NO_DIRECTORY:
            await self._quorum.change_members([Change(ChangeKind.ADD_VOTER, node_id, directory_id)])
        elif known != directory_id:
            self._require_majority_without(node_id)
            logger.warning(
                "voter %d came back with another data directory and has forgotten its votes: it has none until it has "
                "caught up",
                node_id,
            )
            await self._replace(node_id, directory_id)

    async def _replace(self, node_id: int, directory_id: bytes) -> None:
        # One after the other: what the leader knows of its progress goes with the first.
        await self._quorum.change_members([Change(ChangeKind.REMOVE, node_id)])
        await self._quorum.change_members([Change(ChangeKind.ADD_LEARNER, node_id, directory_id)])

    def _require_majority_without(self, node_id: int) -> None:
        """Or nothing could be decided after its removal, not even that."""
        status = self._quorum.status()
        others = [voter for voter in self._quorum.configuration.voters if voter != node_id]
        there = [
            voter
            for voter in others
            if voter not in self._quorum.watch.lost and status.committed - status.peers[voter].match <= LAG_MAX
        ]
        if len(there) <= len(others) // 2:
            raise KafkaError(
                ErrorCode.REQUEST_TIMED_OUT,
                f"voter {node_id} has another data directory, and too few of the others are there to go on without it",
            )

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
