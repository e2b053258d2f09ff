"""How a node that is no voter comes to be sent the metadata log: it asks for it, whenever it hears of no leader.

The first time it knows nobody but the addresses in its configuration; a new leader may not know its address.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from typing import Protocol

from broker.network import Address, PeerConnection, PeerUnreachable
from protocol.errors import ErrorCode
from protocol.messages.internal import JoinQuorumRequest, JoinQuorumResponse
from raft import Configuration

logger = logging.getLogger(__name__)

VERSION = 0
TIMEOUT_MS = 2_000.0
# After a controller said yes, its first message is on its way; and between two rounds of asking.
PATIENCE_S = 0.5


class Following(Protocol):
    @property
    def leader_id(self) -> int | None: ...

    @property
    def configuration(self) -> Configuration: ...

    async def leader_changed(self) -> None: ...


class QuorumJoiner:
    """`addresses` are asked in turn. Runs until it is stopped."""

    def __init__(
        self,
        *,
        node_id: int,
        directory_id: bytes,
        cluster_id: Callable[[], str],
        own_address: Callable[[], Address],
        addresses: Callable[[], Sequence[Address]],
        following: Following,
        loop: asyncio.AbstractEventLoop,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._chance = chance
        self._node_id = node_id
        self._directory_id = directory_id
        self._cluster_id = cluster_id
        self._own_address = own_address
        self._addresses = addresses
        self._following = following
        self._loop = loop
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = self._loop.create_task(self._run(), name="quorum-joiner")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            if self._following.leader_id is not None or self._is_voter():
                await self._following.leader_changed()
                continue
            for address in self._addresses():
                if await self._ask(address):
                    break
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await self._following.leader_changed()
            except TimeoutError:
                continue

    def _is_voter(self) -> bool:
        return self._node_id in self._following.configuration.voters

    async def _ask(self, address: Address) -> bool:
        host, port = self._own_address()
        request = JoinQuorumRequest(
            cluster_id=self._cluster_id() or None,
            node_id=self._node_id,
            directory_id=self._directory_id,
            host=host,
            port=port,
        )
        peer = PeerConnection(
            lambda: address, client_id=f"joiner-{self._node_id}", loop=self._loop, chance=self._chance
        )
        try:
            answer = await peer.send(request, JoinQuorumResponse, version=VERSION, timeout_ms=TIMEOUT_MS)
        except PeerUnreachable as error:
            logger.info("the controller at %s:%d does not answer: %s", *address, error)
            return False
        finally:
            peer.close()
        if answer.error_code not in (ErrorCode.NONE, ErrorCode.NOT_CONTROLLER):
            logger.warning("the controller at %s:%d refuses this node: %s", *address, answer.error_message)
        return answer.error_code == ErrorCode.NONE
