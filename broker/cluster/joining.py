"""How a node comes to be sent the metadata log, and a voter to be known by its disk: it tells a controller of itself.

A node that is no voter asks for the log whenever it hears of no leader. The first time it knows nobody but the
addresses in its configuration; a new leader may not know its address.

A voter is a node id and the directory that its votes are remembered in (KIP-853). One of which the log does not say
that directory tells the leader. One that begins with an empty directory is not the voter that it was: it neither votes
nor campaigns, the leader makes a follower without a vote of it, and when that has caught up, a voter again.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from typing import Protocol

from broker.cluster.long_wait import LongWait
from broker.network import Address, PeerConnection, PeerUnreachable
from protocol.errors import ErrorCode
from protocol.messages.internal import JoinQuorumRequest, JoinQuorumResponse
from raft import NO_DIRECTORY, Configuration

logger = logging.getLogger(__name__)

VERSION = 1
TIMEOUT_MS = 2_000.0
# After a controller said yes, its first message is on its way; and between two rounds of asking.
PATIENCE_S = 0.5
_ASK_AGAIN = (ErrorCode.NONE, ErrorCode.NOT_CONTROLLER, ErrorCode.REQUEST_TIMED_OUT)


class Following(Protocol):
    @property
    def leader_id(self) -> int | None: ...

    @property
    def configuration(self) -> Configuration: ...

    @property
    def began_empty(self) -> bool:
        """Whether this start found no log."""
        ...

    async def leader_changed(self) -> None: ...


class QuorumJoiner:
    """`addresses` are asked in turn where no leader is known. Runs until it is stopped."""

    def __init__(
        self,
        *,
        node_id: int,
        directory_id: bytes,
        cluster_id: Callable[[], str],
        own_address: Callable[[], Address],
        addresses: Callable[[], Sequence[Address]],
        address_of: Callable[[int], Address | None],
        is_configured_voter: bool,
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
        self._address_of = address_of
        self._is_configured_voter = is_configured_voter
        self._is_told = False
        self._refusal = ""
        self._waiting = LongWait(logger, "a controller")
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
            leader_id = self._following.leader_id
            if leader_id is None:
                await self._look_for_a_leader()
            elif leader_id == self._node_id or not self._has_something_to_say():
                self._waiting.is_over(self._loop.time())
                await self._following.leader_changed()
            else:
                await self._introduce(leader_id)

    async def _look_for_a_leader(self) -> None:
        known = self._following.configuration.voters.get(self._node_id)
        if known == self._directory_id or (known == NO_DIRECTORY and not self._following.began_empty):
            # A leader finds its voters. One on a new disk may not be among them any more, and not know it.
            await self._following.leader_changed()
            return
        problems = []
        for address in self._addresses():
            problem = await self._ask(address)
            if not problem:
                break
            problems.append(problem)
        else:
            self._waiting.goes_on(self._loop.time(), "; ".join(problems) or "no address of one is known")
        await self._patience()

    def _has_something_to_say(self) -> bool:
        known = self._following.configuration.voters.get(self._node_id)
        if known is None:
            return self._begins_as_voter
        if known not in (NO_DIRECTORY, self._directory_id) and not self._is_told:
            self._is_told = True
            logger.warning(
                "the voter of this id had another data directory: this node follows without a vote, and is given one "
                "when it has caught up"
            )
        return known != self._directory_id

    @property
    def _begins_as_voter(self) -> bool:
        return self._is_configured_voter and self._following.began_empty

    async def _introduce(self, leader_id: int) -> None:
        address = self._address_of(leader_id)
        problem = f"the address of node {leader_id} is not known" if address is None else await self._ask(address)
        if problem:
            self._waiting.goes_on(self._loop.time(), problem)
            await self._patience()
            return
        self._waiting.is_over(self._loop.time())
        if self._following.configuration.voters.get(self._node_id) == NO_DIRECTORY:
            # A leader of an earlier version takes note of no directories; one of this has, and its log will say so.
            await self._following.leader_changed()
        else:
            await self._patience()

    async def _patience(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._following.leader_changed()
        except TimeoutError:
            return

    async def _ask(self, address: Address) -> str:
        """What was wrong with the answer, or empty."""
        host, port = self._own_address()
        request = JoinQuorumRequest(
            cluster_id=self._cluster_id() or None,
            node_id=self._node_id,
            directory_id=self._directory_id,
            host=host,
            port=port,
            begins_as_voter=self._begins_as_voter,
        )
        peer = PeerConnection(
            lambda: address, client_id=f"joiner-{self._node_id}", loop=self._loop, chance=self._chance
        )
        try:
            answer = await peer.send(request, JoinQuorumResponse, version=VERSION, timeout_ms=TIMEOUT_MS)
        except PeerUnreachable as error:
            return str(error)
        finally:
            peer.close()
        if answer.error_code == ErrorCode.NONE:
            return ""
        problem = "{}:{}: {}".format(*address, answer.error_message or ErrorCode(answer.error_code).name)
        if answer.error_code not in _ASK_AGAIN and problem != self._refusal:
            self._refusal = problem
            logger.warning("a controller refuses this node, which goes on asking: %s", problem)
        return problem
