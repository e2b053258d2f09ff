"""A cluster as the tools see it: which broker to ask, and asking again while that can help.

Every call is one question with one answer. What another attempt may mend (a leader that moved, a coordinator that
is loading, a connection that was lost) is attempted again until the time is up; anything else is raised at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from broker.cli.connection import ClientError, Connection, Unreachable
from protocol import ApiKey, ErrorCode, KafkaError, Request, Response
from protocol.messages.find_coordinator import FindCoordinatorRequest, FindCoordinatorResponse
from protocol.messages.metadata import (
    MetadataRequest,
    MetadataRequestTopic,
    MetadataResponse,
    MetadataResponseTopic,
)

RETRY_BACKOFF_S = 0.1

R = TypeVar("R", bound=Response)
T = TypeVar("T")

TopicPartition = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """Where to begin: addresses of which one must answer, and how long any operation may take."""

    addresses: Sequence[tuple[str, int]]
    timeout_s: float


class Client:
    """Connections to the brokers of one cluster, opened as they are needed."""

    def __init__(self, bootstrap: Bootstrap) -> None:
        self._bootstrap = bootstrap
        self._connections: dict[tuple[str, int], Connection] = {}
        self._brokers: dict[int, tuple[str, int]] = {}
        self._leaders: dict[TopicPartition, int] = {}
        # A cluster that never answered is not waited for: its user mistyped it, or forgot to start it.
        self._was_reached = False

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()

    # --- whom to ask -----------------------------------------------------------------------------------

    def any(self) -> Connection:
        """A connection to whichever broker answers."""
        if self._connections:
            return next(iter(self._connections.values()))
        failures = []
        for address in self._bootstrap.addresses:
            try:
                return self._connect(address)
            except Unreachable as error:
                failures.append(str(error))
        raise Unreachable("; ".join(dict.fromkeys(failures)))

    def broker(self, node_id: int) -> Connection:
        if node_id not in self._brokers:
            self.metadata([])
        if node_id not in self._brokers:
            known = ", ".join(map(str, sorted(self._brokers)))
            raise ClientError(f"there is no broker {node_id} in this cluster; there is {known}")
        return self._connect(self._brokers[node_id])

    def brokers(self) -> list[int]:
        self.metadata([])
        return sorted(self._brokers)

    def controller(self) -> Connection:
        node_id = self.metadata([]).controller_id
        return self.broker(node_id) if node_id in self._brokers else self.any()

    def leader(self, topic: str, partition: int) -> Connection:
        """A connection to the leader of a partition; KafkaError(LEADER_NOT_AVAILABLE) while there is none."""
        if (topic, partition) not in self._leaders:
            known = self.partitions(topic)
            if partition not in known:
                raise ClientError(f"{topic} has no partition {partition}: it has {_numbers(known)}")
        node_id = self._leaders.get((topic, partition), -1)
        if node_id not in self._brokers:
            raise KafkaError(ErrorCode.LEADER_NOT_AVAILABLE, f"{topic}-{partition} has no leader")
        return self.broker(node_id)

    def coordinator(self, group: str) -> Connection:
        """A connection to the coordinator of a group; KafkaError while it has none."""
        connection = self.any()
        if connection.version(ApiKey.FIND_COORDINATOR) >= 4:
            answer = connection.send(FindCoordinatorRequest(coordinator_keys=[group]), FindCoordinatorResponse)
            found = answer.coordinators[0]
            check(found.error_code, found.error_message, about=f"group {group}")
            host, port = found.host, found.port
        else:
            answer = connection.send(FindCoordinatorRequest(key=group), FindCoordinatorResponse)
            check(answer.error_code, answer.error_message, about=f"group {group}")
            host, port = answer.host, answer.port
        return self._connect((host, port))

    # --- asking ----------------------------------------------------------------------------------------

    def attempt(self, action: Callable[[], T]) -> T:
        """What `action` returns, tried again while its failure may pass and there is time."""
        deadline = time.monotonic() + self._bootstrap.timeout_s
        while True:
            try:
                return action()
            except Unreachable:
                self.forget()
                if not self._was_reached or time.monotonic() + RETRY_BACKOFF_S > deadline:
                    raise
            except KafkaError as error:
                self._leaders.clear()
                if not error.code.retriable or time.monotonic() + RETRY_BACKOFF_S > deadline:
                    raise
            time.sleep(RETRY_BACKOFF_S)

    def ask_any(self, request: Request, response_class: type[R], *, at_most: int | None = None) -> R:
        return self.attempt(lambda: self.any().send(request, response_class, at_most=at_most))

    def metadata(self, topics: Sequence[str] | None, *, create: bool = False) -> MetadataResponse:
        """The cluster and the named topics, None for all; with `create` unknown ones are created if that is
        allowed."""
        wanted = None if topics is None else [MetadataRequestTopic(name=name) for name in topics]
        connection = self.any()
        if wanted is None and connection.version(ApiKey.METADATA) == 0:
            wanted = []  # in version 0 an empty list is how all are asked for
        answer = connection.send(MetadataRequest(topics=wanted, allow_auto_topic_creation=create), MetadataResponse)
        self._brokers = {broker.node_id: (broker.host, broker.port) for broker in answer.brokers}
        for topic in answer.topics:
            for partition in topic.partitions:
                self._leaders[topic.name or "", partition.partition_index] = partition.leader_id
        return answer

    def topics(self, names: Sequence[str] | None, *, create: bool = False) -> list[MetadataResponseTopic]:
        """The named topics, None for all, sorted; ClientError for one that does not exist."""
        found = self.attempt(lambda: self._topics(names, create=create))
        return sorted(found, key=lambda topic: topic.name or "")

    def _topics(self, names: Sequence[str] | None, *, create: bool) -> list[MetadataResponseTopic]:
        answer = self.metadata(names, create=create)
        for topic in answer.topics:
            if topic.error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION and not create:
                raise ClientError(f"there is no topic {topic.name}")
            check(topic.error_code, None, about=f"topic {topic.name}")
        return answer.topics

    def partitions(self, topic: str, *, create: bool = False) -> list[int]:
        found = self.topics([topic], create=create)[0]
        return sorted(partition.partition_index for partition in found.partitions)

    def by_leader(self, partitions: Iterable[TopicPartition]) -> list[tuple[Connection, list[TopicPartition]]]:
        """The partitions grouped by the broker that leads them."""
        groups: dict[int, tuple[Connection, list[TopicPartition]]] = {}
        for topic, partition in partitions:
            connection = self.leader(topic, partition)
            groups.setdefault(id(connection), (connection, []))[1].append((topic, partition))
        return list(groups.values())

    # --- connections -----------------------------------------------------------------------------------

    def forget(self) -> None:
        """Drop connections and what was learnt over them, so that the next question begins anew."""
        self.close()
        self._leaders.clear()

    def _connect(self, address: tuple[str, int]) -> Connection:
        connection = self._connections.get(address)
        if connection is None:
            connection = Connection(*address, timeout_s=self._bootstrap.timeout_s)
            self._connections[address] = connection
            self._was_reached = True
        return connection


def check(error_code: int, message: str | None, *, about: str) -> None:
    """KafkaError for a code that is not NONE; its sentence says what it is about and what the broker said."""
    if error_code == ErrorCode.NONE:
        return
    code = ErrorCode(error_code)
    raise KafkaError(code, f"{about}: {message}" if message else about)


def _numbers(partitions: Sequence[int]) -> str:
    return "only 0" if len(partitions) == 1 else f"0 to {len(partitions) - 1}"


def parse_addresses(text: str) -> list[tuple[str, int]]:
    """`host:port,host:port`; the port is 9092 where it is missing."""
    result = []
    for item in text.split(","):
        host, separator, port = item.strip().rpartition(":")
        if not separator or (":" in host and not host.endswith("]")):
            host, port = item.strip(), "9092"
        if not host or "/" in host or not port.isdigit() or not 0 < int(port) < 65536:
            raise ClientError(f"{item.strip() or text!r} is no address: it must be host:port, the port from 1 to 65535")
        result.append((host.strip("[]"), int(port)))
    return result
