"""Raft's messages between nodes: one connection to each member, kept open, messages in order, lost with it.

Raft minds no loss, so nothing is kept for a member that cannot be reached, but for what was sent while its connection
is being made. A connection that ends is news: a process that died closes its connections at once, and one to whose
port nobody listens any more is gone. `on_lost` is told when a connection ended and could not be made again at once, or
within `LOST_GRACE_S` where nothing answers at all; a node that is merely slow keeps its connections.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from broker.metadata import SUPPORTED_BEFORE, FeatureRange
from broker.network import Address, PeerConnection, PeerUnreachable
from protocol.messages.internal import RaftMessagesRequest
from raft import Message, encode_message

logger = logging.getLogger(__name__)

VERSION = 0
# While a connection is being made: an election's messages, not a log's.
MESSAGES_KEPT_MAX = 64
LOST_GRACE_S = 0.2


class Transport(Protocol):
    """What the driver needs of the network."""

    def send(self, messages: Sequence[Message]) -> None: ...

    def set_peers(self, node_ids: Iterable[int]) -> None:
        """Keep connections to these, also while there is nothing to say, and give up all others."""
        ...

    def is_connected(self, node_id: int) -> bool: ...

    async def stop(self) -> None: ...


class Listening(Protocol):
    """Who is told about connections: the driver."""

    def peer_connected(self, node_id: int) -> None: ...

    def peer_lost(self, node_id: int) -> None: ...

    def peer_unreachable(self, node_id: int) -> None:
        """Messages to this node were dropped."""
        ...


class RaftTransport:
    """`cluster_id` is None while it is not known. `own_address` is where this node's listener answers."""

    def __init__(
        self,
        *,
        node_id: int,
        address_of: Callable[[int], Address | None],
        own_address: Callable[[], Address],
        cluster_id: Callable[[], str | None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._node_id = node_id
        self._address_of = address_of
        self._own_address = own_address
        self._cluster_id = cluster_id
        self._loop = loop
        self._listening: Listening | None = None
        self._peers: dict[int, _Peer] = {}

    def begin(self, listening: Listening) -> None:
        self._listening = listening

    def set_peers(self, node_ids: Iterable[int]) -> None:
        wanted = set(node_ids) - {self._node_id}
        for node_id in self._peers.keys() - wanted:
            self._peers.pop(node_id).close()
        for node_id in sorted(wanted - self._peers.keys()):
            self._peers[node_id] = self._open(node_id)

    def _open(self, node_id: int) -> _Peer:
        assert self._listening is not None
        connection = PeerConnection(
            lambda: self._address_of(node_id), client_id=f"raft-{self._node_id}", loop=self._loop
        )
        return _Peer(node_id, connection, self._request, self._listening, self._loop)

    def send(self, messages: Sequence[Message]) -> None:
        by_peer: dict[int, list[bytes]] = {}
        for message in messages:
            by_peer.setdefault(message.recipient, []).append(encode_message(message))
        for node_id, encoded in by_peer.items():
            peer = self._peers.get(node_id)
            if peer is None and self._address_of(node_id) is not None:
                # A node that joins answers a leader before the log tells it who is a member.
                peer = self._peers[node_id] = self._open(node_id)
            if peer is not None:
                peer.send(encoded)

    def is_connected(self, node_id: int) -> bool:
        peer = self._peers.get(node_id)
        return peer is not None and peer.connection.is_connected

    def features_of(self, node_id: int) -> Mapping[str, FeatureRange] | None:
        """The levels that this node could work at, by feature; None where it is not connected."""
        peer = self._peers.get(node_id)
        versions = None if peer is None else peer.connection.versions
        if versions is None:
            return None
        return SUPPORTED_BEFORE if versions.features is None else versions.features

    async def stop(self) -> None:
        peers, self._peers = list(self._peers.values()), {}
        for peer in peers:
            peer.close()
        await asyncio.gather(*(peer.task for peer in peers), return_exceptions=True)

    def _request(self, messages: list[bytes]) -> RaftMessagesRequest:
        host, port = self._own_address()
        return RaftMessagesRequest(
            cluster_id=self._cluster_id(),
            sender_id=self._node_id,
            sender_host=host,
            sender_port=port,
            messages=messages,
        )


class _Peer:
    def __init__(
        self,
        node_id: int,
        connection: PeerConnection,
        request: Callable[[list[bytes]], RaftMessagesRequest],
        listening: Listening,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.node_id = node_id
        self.connection = connection
        self._request = request
        self._listening = listening
        self._loop = loop
        self._kept: list[bytes] = []
        self._is_lost = False
        self._grace: asyncio.TimerHandle | None = None
        self.task = loop.create_task(self._keep_connected(), name=f"raft-peer-{node_id}")

    def send(self, messages: list[bytes]) -> None:
        if self.connection.is_connected:
            if not self.connection.post(self._request(messages), version=VERSION):
                self._listening.peer_unreachable(self.node_id)
            return
        self._kept += messages
        del self._kept[:-MESSAGES_KEPT_MAX]
        self._listening.peer_unreachable(self.node_id)

    def close(self) -> None:
        self.task.cancel()
        self.connection.close()
        self._stop_grace()

    async def _keep_connected(self) -> None:
        while True:
            try:
                await self.connection.connect()
            except PeerUnreachable as error:
                self._kept.clear()
                if not self._is_lost:
                    logger.info("node %d cannot be reached: %s", self.node_id, error)
                self._lost()
                continue
            self._connected()
            await self.connection.wait_closed()
            self._grace = self._loop.call_later(LOST_GRACE_S, self._lost)

    def _connected(self) -> None:
        self._stop_grace()
        self._is_lost = False
        kept, self._kept = self._kept, []
        if kept:
            self.connection.post(self._request(kept), version=VERSION)
        self._listening.peer_connected(self.node_id)

    def _lost(self) -> None:
        self._stop_grace()
        if not self._is_lost:
            self._is_lost = True
            self._listening.peer_lost(self.node_id)

    def _stop_grace(self) -> None:
        if self._grace is not None:
            self._grace.cancel()
            self._grace = None
