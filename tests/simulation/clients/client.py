"""What all simulated clients share: where brokers are, who leads what, when to stop, when to give up.

A client awaits only its connections and the loop's time, and takes its chance from the `Random` it was given.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import Random

from protocol.errors import ErrorCode
from protocol.messages.metadata import MetadataRequest, MetadataRequestTopic, MetadataResponse
from simulation.clients.connection import Address, Connection, Disconnected
from simulation.history import History, LeaderView, Place

METADATA_VERSION = 12
REQUEST_TIMEOUT_S = 3.0
# Between two attempts of anything: long enough for news to spread, short beside an election.
RETRY_PAUSE_S = (0.02, 0.2)
# By then a healed cluster has long answered; a client that still has not been served says so.
GIVE_UP_AFTER_S = 120.0


class ClientStuck(AssertionError):
    """A client was not served for `GIVE_UP_AFTER_S`, though it tried again and again."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a client has from its world: whom to ask first, where to tell what it saw, its chance."""

    bootstrap: Sequence[Address]
    history: History
    rng: Random


class Client:
    """`run` ends some time after `stop`; what is under way then is finished first."""

    def __init__(self, name: str, surroundings: Surroundings) -> None:
        self.name = name
        self.history = surroundings.history
        self.rng = surroundings.rng
        self._bootstrap = list(surroundings.bootstrap)
        self._addresses: dict[int, Address] = {}
        self._leaders: dict[Place, tuple[int, int]] = {}
        self._connections: dict[Address, Connection] = {}
        self.topic_ids: dict[str, bytes] = {}
        self._stopping = False
        self._stop_told: asyncio.Event | None = None

    async def run(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        self._stopping = True
        if self._stop_told is not None:
            self._stop_told.set()

    @property
    def is_stopping(self) -> bool:
        return self._stopping

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()

    # --- time ----------------------------------------------------------------------------------------------------

    async def pause(self, seconds: float) -> None:
        """Cut short by `stop`: nobody waits for a client that has nothing left to do."""
        if self._stop_told is None:
            self._stop_told = asyncio.Event()
        if self._stopping:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._stop_told.wait()
        except TimeoutError:
            pass

    async def pause_before_retry(self) -> None:
        await asyncio.sleep(self.rng.uniform(*RETRY_PAUSE_S))

    async def persist(self, what: str, attempt: Callable[[], Awaitable[str | None]]) -> None:
        """Repeat `attempt` until it answers None; a word says why it did not do. A lost connection is a reason, too."""
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + GIVE_UP_AFTER_S
        while True:
            try:
                why = await attempt()
            except Disconnected as error:
                why = str(error)
            if why is None:
                return
            if loop.time() > deadline_s:
                raise ClientStuck(
                    f"every client is served in the end: {self.name} has tried {what} for {GIVE_UP_AFTER_S:.0f} s; "
                    f"the last time: {why}"
                )
            await self.pause_before_retry()

    # --- brokers -------------------------------------------------------------------------------------------------

    async def connection_to(self, address: Address) -> Connection:
        """Raises NeverSent where nobody can be reached there."""
        connection = self._connections.get(address)
        if connection is None or not connection.is_open:
            connection = await Connection.open(address, self.name, self.history.new_connection())
            self._connections[address] = connection
        return connection

    async def connection_to_node(self, node_id: int) -> Connection:
        return await self.connection_to(self._addresses[node_id])

    def any_address(self) -> Address:
        return self.rng.choice(sorted({*self._bootstrap, *self._addresses.values()}))

    def learn_address(self, node_id: int, host: str, port: int) -> None:
        self._addresses[node_id] = (host, port)

    # --- leaders -------------------------------------------------------------------------------------------------

    def leader_of(self, place: Place) -> tuple[int, int] | None:
        """Node and leader epoch, where one is known that can be reached."""
        leader = self._leaders.get(place)
        return leader if leader is not None and leader[0] in self._addresses else None

    def forget_leader(self, place: Place) -> None:
        """The newest epoch stays known; who leads it is to be asked again."""
        node_id_and_epoch = self._leaders.get(place)
        if node_id_and_epoch is not None:
            self._leaders[place] = (-1, node_id_and_epoch[1])

    async def leader_known(self, place: Place) -> tuple[int, int]:
        """Ask around until somebody leads the partition."""

        async def ask() -> str | None:
            if self.leader_of(place) is None:
                await self.refresh([place[0]])
            return None if self.leader_of(place) is not None else "nobody leads it"

        await self.persist(f"to learn who leads {place}", ask)
        leader = self.leader_of(place)
        assert leader is not None
        return leader

    async def refresh(self, topics: Sequence[str]) -> MetadataResponse:
        """Ask any broker about these topics. Raises Disconnected."""
        connection = await self.connection_to(self.any_address())
        request = MetadataRequest(
            topics=[MetadataRequestTopic(name=name) for name in topics], allow_auto_topic_creation=False
        )
        response = await connection.call(request, version=METADATA_VERSION, within_s=REQUEST_TIMEOUT_S)
        assert isinstance(response, MetadataResponse)
        answered_by = next((node for node, at in self._addresses.items() if self._connections.get(at) is connection), 0)
        for broker in response.brokers:
            self.learn_address(broker.node_id, broker.host, broker.port)
        self._learn_leaders(response, connection.number, answered_by)
        return response

    def _learn_leaders(self, response: MetadataResponse, connection: int, node_id: int) -> None:
        for topic in response.topics:
            if topic.error_code != ErrorCode.NONE or topic.name is None:
                continue
            self.topic_ids[topic.name] = topic.topic_id
            for partition in topic.partitions:
                place, leader = (topic.name, partition.partition_index), partition.leader_id
                epoch = partition.leader_epoch
                self.history.leader_views.append(
                    LeaderView(
                        self.name, connection, node_id, place, topic.topic_id, leader, epoch, self.history.moment()
                    )
                )
                # As every client does: what is older than what is known is no news (KIP-320).
                if epoch >= self._leaders.get(place, (-1, -1))[1]:
                    self._leaders[place] = (leader, epoch)
