"""Three metadata logs in one event loop, on simulated disks, with a network between them that a test may cut."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Sequence

from simulation import SimulatedFilesystem

from broker.metadata import MetadataPublisher
from broker.quorum import QuorumSettings, RaftQuorum
from raft import Configuration, Message, decode_message, encode_message
from wal import JournalLimits

SMALL = JournalLimits(commit_bytes_max=1 << 20, commit_entries_max=4096, segment_bytes=4096, spare_segments_max=1)
# Longer than a test: without signals of the network nothing would happen.
ELECTION_TIMEOUT_MS = 400


class Network:
    def __init__(self) -> None:
        self.nodes: dict[int, Member] = {}
        self.cut: set[frozenset[int]] = set()

    def reaches(self, one: int, other: int) -> bool:
        return one in self.nodes and other in self.nodes and frozenset((one, other)) not in self.cut

    def isolate(self, node_id: int) -> None:
        """Its messages are lost, without a word to anyone."""
        self.cut |= {frozenset((node_id, other)) for other in (1, 2, 3) if other != node_id}

    def heal(self) -> None:
        self.cut.clear()


class MemoryTransport:
    """Implements `Transport`: bytes to the other side in the next turn of the loop."""

    def __init__(self, node_id: int, network: Network) -> None:
        self._node_id = node_id
        self._network = network
        self._peers: set[int] = set()

    def send(self, messages: Sequence[Message]) -> None:
        for message in messages:
            asyncio.get_running_loop().call_soon(self._deliver, message.recipient, encode_message(message))

    def _deliver(self, recipient: int, encoded: bytes) -> None:
        if self._network.reaches(self._node_id, recipient):
            self._network.nodes[recipient].quorum.step(decode_message(encoded))

    def set_peers(self, node_ids: Iterable[int]) -> None:
        self._peers = set(node_ids) - {self._node_id}

    def is_connected(self, node_id: int) -> bool:
        return self._network.reaches(self._node_id, node_id)

    async def stop(self) -> None:
        self._peers.clear()


class Member:
    """One node; `start` and `stop` as often as wanted, on the same disk."""

    def __init__(self, node_id: int, network: Network, *, snapshot_interval_bytes: int = 1 << 20) -> None:
        self.node_id = node_id
        self.disk = SimulatedFilesystem(node_id)
        self._network = network
        self._settings = QuorumSettings(
            Configuration.of(1, 2, 3),
            tick_ms=20,
            election_timeout_ms=ELECTION_TIMEOUT_MS,
            snapshot_interval_bytes=snapshot_interval_bytes,
            limits=SMALL,
        )
        self.failures: list[Exception] = []

    async def start(self) -> None:
        self.publisher = MetadataPublisher()
        self.quorum = RaftQuorum(
            self.disk,
            "metadata",
            node_id=self.node_id,
            settings=self._settings,
            transport=MemoryTransport(self.node_id, self._network),
            on_failure=self.failures.append,
            random_source=random.Random(self.node_id),
        )
        await self.quorum.start(self.publisher)
        self._network.nodes[self.node_id] = self
        for other in list(self._network.nodes.values()):
            if other is not self:
                other.quorum.peer_connected(self.node_id)
                self.quorum.peer_connected(other.node_id)

    async def stop(self) -> None:
        self._leave()
        await self.quorum.stop()

    async def crash(self) -> None:
        """The process is gone, and its connections with it; the disk keeps what was synced."""
        self._leave()
        self.quorum._readies.has_ended = True
        await self.quorum.stop()
        self.disk = self.disk.kill()

    def _leave(self) -> None:
        del self._network.nodes[self.node_id]
        for other in self._network.nodes.values():
            other.quorum.peer_lost(self.node_id)


class QuorumOfThree:
    def __init__(self, *, snapshot_interval_bytes: int = 1 << 20) -> None:
        self.network = Network()
        self.members = {
            node_id: Member(node_id, self.network, snapshot_interval_bytes=snapshot_interval_bytes)
            for node_id in (1, 2, 3)
        }

    async def __aenter__(self) -> QuorumOfThree:
        for member in self.members.values():
            await member.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        for member in list(self.network.nodes.values()):
            await member.stop()

    async def leader(self, *, other_than: int = 0) -> Member:
        """The node that leads, as soon as one does."""
        while True:
            for member in self.network.nodes.values():
                if member.quorum.is_leader and member.node_id != other_than:
                    return member
            changes = [member.quorum.watch.changed() for member in self.network.nodes.values()]
            await asyncio.wait(changes, return_when=asyncio.FIRST_COMPLETED)

    def followers(self, leader: Member) -> list[Member]:
        return [member for member in self.network.nodes.values() if member is not leader]
