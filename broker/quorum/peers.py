"""The other members as the driver sees them: whom it can reach, and whether that would be a majority."""

from __future__ import annotations

from collections.abc import Sequence

from broker.quorum.transport import Transport
from raft import Configuration, Message, Status


class Peers:
    """`transport` is None where there is nobody else."""

    def __init__(self, node_id: int, transport: Transport | None) -> None:
        self._node_id = node_id
        self._transport = transport
        self._configuration = Configuration()

    def follow(self, configuration: Configuration) -> None:
        self._configuration = configuration
        if self._transport is not None:
            self._transport.set_peers(configuration.members())

    def send(self, messages: Sequence[Message]) -> None:
        if self._transport is not None:
            self._transport.send(messages)

    def is_connected(self, node_id: int) -> bool:
        return self._transport is not None and self._transport.is_connected(node_id)

    def is_alone(self) -> bool:
        """This node is all the voters there are."""
        return list(self._configuration.voters) == [self._node_id]

    def reach_majority(self) -> bool:
        """Of several voters, of which this node is one."""
        voters = self._configuration.voters
        reached = sum(node_id == self._node_id or self.is_connected(node_id) for node_id in voters)
        return self._node_id in voters and len(voters) > 1 and reached > len(voters) // 2

    def successor(self, status: Status) -> int | None:
        """Whom a leader that goes hands over to: of the voters that it reaches, the one that has most of the log."""
        reached = {
            node_id: peer.match
            for node_id, peer in status.peers.items()
            if peer.is_voter and node_id != self._node_id and self.is_connected(node_id)
        }
        return max(reached, key=reached.__getitem__, default=None)

    async def stop(self) -> None:
        if self._transport is not None:
            await self._transport.stop()
