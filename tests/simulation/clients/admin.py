"""Operators: topics created and deleted, leaders elected and replicas moved while others work."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from protocol.errors import ErrorCode
from protocol.messages.create_topics import CreatableTopic, CreateTopicsRequest
from protocol.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from protocol.messages.elect_leaders import ElectLeadersRequest, TopicPartitions
from protocol.messages.reassignments import (
    AlterPartitionReassignmentsRequest,
    ReassignablePartition,
    ReassignableTopic,
)
from simulation.clients.client import REQUEST_TIMEOUT_S, Client, Surroundings
from simulation.clients.connection import Address, Connection, Disconnected, NeverSent
from simulation.history import Outcome, Place

TIMEOUT_MS = int((REQUEST_TIMEOUT_S - 1.0) * 1000)

# Answers that say that the topics are as they were asked to be: a broker that forwarded the request twice may say so of
# its own first attempt.
SO_ALREADY = frozenset({ErrorCode.NONE, ErrorCode.TOPIC_ALREADY_EXISTS, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION})
# And one after which they are as they were. All others may hide a change that is under way or done.
REFUSALS = frozenset({ErrorCode.INVALID_REPLICATION_FACTOR})


async def admin_create_topic(address: Address, name: str, partitions: int, replication_factor: int) -> ErrorCode:
    """Once, at one broker. Raises Disconnected."""
    connection = await Connection.open(address, "admin", 0)
    try:
        return await _create(connection, name, partitions, replication_factor)
    finally:
        connection.close()


async def _create(connection: Connection, name: str, partitions: int, replication_factor: int) -> ErrorCode:
    topic = CreatableTopic(name=name, num_partitions=partitions, replication_factor=replication_factor)
    request = CreateTopicsRequest(topics=[topic], timeout_ms=TIMEOUT_MS)
    response = await connection.call(request, version=7, within_s=REQUEST_TIMEOUT_S)
    return ErrorCode(response.topics[0].error_code)


class TopicClient(Client):
    """Creates and deletes topics of a few names of its own, which nobody else touches, and asks what there is."""

    def __init__(
        self,
        name: str,
        surroundings: Surroundings,
        topics: Sequence[str],
        *,
        pause_s: float = 0.5,
        replication_factor: int = 3,
    ) -> None:
        super().__init__(name, surroundings)
        self.topics = list(topics)
        self.pause_s = pause_s
        self.replication_factor = replication_factor

    async def run(self) -> None:
        while not self.is_stopping:
            name, creates = self.rng.choice(self.topics), self.rng.random() < 0.6
            await self._change(name, creates)
            await self.pause(self.rng.expovariate(1 / self.pause_s))
        self.close()

    async def _change(self, name: str, creates: bool) -> None:
        """One attempt; what became of it stands in the history."""
        try:
            connection = await self.connection_to(self.any_address())
        except NeverSent:
            return
        change = self.history.begin_topic_change(self.name, name, creates=creates)
        try:
            if creates:
                error = await _create(connection, name, self.rng.randint(1, 2), self.replication_factor)
            else:
                error = await self._delete(connection, name)
        except NeverSent:
            self.history.end_topic_change(change, Outcome.FAILED)
        except Disconnected:
            self.history.end_topic_change(change, Outcome.UNKNOWN)
        else:
            known = Outcome.ACKNOWLEDGED if error in SO_ALREADY else Outcome.FAILED
            self.history.end_topic_change(change, known if error in SO_ALREADY | REFUSALS else Outcome.UNKNOWN)

    async def _delete(self, connection: Connection, name: str) -> ErrorCode:
        request = DeleteTopicsRequest(topics=[DeleteTopicState(name=name)], timeout_ms=TIMEOUT_MS)
        response = await connection.call(request, version=6, within_s=REQUEST_TIMEOUT_S)
        return ErrorCode(response.responses[0].error_code)


class Mover(Client):
    """Elects preferred leaders and moves replicas between brokers; what is refused is refused."""

    def __init__(
        self,
        name: str,
        surroundings: Surroundings,
        places: Sequence[Place],
        *,
        node_ids: Sequence[int],
        replication_factor: int,
        pause_s: float = 0.7,
    ) -> None:
        super().__init__(name, surroundings)
        self.places = list(places)
        self.node_ids = list(node_ids)
        self.replication_factor = replication_factor
        self.pause_s = pause_s
        # How many requests were carried out, by what they asked: a run that moved nothing shows nothing.
        self.done: dict[str, int] = {"elected": 0, "moved": 0, "cancelled": 0}

    async def run(self) -> None:
        while not self.is_stopping:
            with contextlib.suppress(Disconnected):  # whether it happened or not, the next one is another
                await self._act(await self.connection_to(self.any_address()))
            await self.pause(self.rng.expovariate(1 / self.pause_s))
        self.close()

    async def _act(self, connection: Connection) -> None:
        """As many replicas as there were, but others, and others first; then perhaps something that goes with it."""
        place, then = self.rng.choice(self.places), self.rng.random()
        if then < 0.8:
            replicas = self.rng.sample(self.node_ids, self.replication_factor)
            await self._ask(connection, "moved", _reassign(place, replicas), version=1)
        if then < 0.2:
            await self._ask(connection, "cancelled", _reassign(place, None), version=1)
        elif then > 0.5:
            await self._ask(connection, "elected", _elect_preferred(place), version=2)

    async def _ask(self, connection: Connection, what: str, request: Any, *, version: int) -> None:
        response = await connection.call(request, version=version, within_s=REQUEST_TIMEOUT_S)
        if response.error_code != ErrorCode.NONE:
            return
        if isinstance(request, ElectLeadersRequest):
            errors = [each.error_code for topic in response.replica_election_results for each in topic.partition_result]
        else:
            errors = [each.error_code for topic in response.responses for each in topic.partitions]
        self.done[what] += errors.count(ErrorCode.NONE)


def _elect_preferred(place: Place) -> ElectLeadersRequest:
    partitions = [TopicPartitions(topic=place[0], partitions=[place[1]])]
    return ElectLeadersRequest(election_type=0, topic_partitions=partitions, timeout_ms=TIMEOUT_MS)


def _reassign(place: Place, replicas: list[int] | None) -> AlterPartitionReassignmentsRequest:
    partitions = [ReassignablePartition(partition_index=place[1], replicas=replicas)]
    topics = [ReassignableTopic(name=place[0], partitions=partitions)]
    return AlterPartitionReassignmentsRequest(timeout_ms=TIMEOUT_MS, topics=topics)
