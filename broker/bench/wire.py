"""A blocking client of a cluster, for everything but the load: topics, offsets, producer ids and reading back."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from protocol import ApiKey, ErrorCode, KafkaError, ProtocolError, Request, Response, decode, encode
from protocol.framing import frame
from protocol.headers import RequestHeader, decode_response_header, encode_request_header
from protocol.messages import RESPONSES
from protocol.messages.api_versions import ApiVersionsRequest, ApiVersionsResponse
from protocol.messages.create_topics import (
    CreatableTopic,
    CreatableTopicConfig,
    CreateTopicsRequest,
    CreateTopicsResponse,
)
from protocol.messages.delete_topics import DeleteTopicsRequest, DeleteTopicsResponse
from protocol.messages.init_producer_id import InitProducerIdRequest, InitProducerIdResponse
from protocol.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsRequest,
    ListOffsetsResponse,
    ListOffsetsTopic,
)
from protocol.messages.metadata import MetadataRequest, MetadataRequestTopic, MetadataResponse

CLIENT_ID = "millstream-bench"
FRAME_BYTES_MAX = 1 << 30
LATEST, EARLIEST = -1, -2
RETRY_INTERVAL_S = 0.02

# Topics are named, not known by id: the newest versions that do so, which brokers of the last years all serve.
NEWEST_BY_NAME = {ApiKey.METADATA: 9, ApiKey.FETCH: 12, ApiKey.DELETE_TOPICS: 5}

Address = tuple[str, int]
R = TypeVar("R", bound=Response)
_SIZE = struct.Struct(">i")


class BenchError(Exception):
    """Why a benchmark cannot go on; the message is a sentence for its user."""


class Unreachable(BenchError):
    """A broker that does not answer: in a cluster its leaders move to others."""


def parse_addresses(text: str) -> list[Address]:
    """`host:port,host:port`; the port is 9092 where it is missing."""
    found = []
    for item in filter(None, (item.strip() for item in text.split(","))):
        host, separator, port = item.rpartition(":")
        if not separator:
            host, port = item, "9092"
        if not port.isdigit():
            raise BenchError(f"{item} is no address: write host:port")
        found.append((host.strip("[]"), int(port)))
    if not found:
        raise BenchError("no bootstrap server was given")
    return found


class WireConnection:
    """One connection to one broker, one request at a time."""

    def __init__(self, address: Address, *, timeout_s: float = 30.0) -> None:
        self.address = address
        try:
            self._socket = socket.create_connection(address, timeout_s)
        except OSError as error:
            raise Unreachable(f"no broker answers at {address[0]}:{address[1]} ({error.strerror or error})") from None
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._correlation_id = 0
        answer = self.send_version(ApiVersionsRequest(), ApiVersionsResponse, 0)
        self._ranges = {entry.api_key: (entry.min_version, entry.max_version) for entry in answer.api_keys}

    def version(self, api: ApiKey) -> int:
        ours_min, ours_max = RESPONSES[api].__schema__.versions
        theirs_min, theirs_max = self._ranges.get(api, (0, -1))
        version = min(ours_max, theirs_max, NEWEST_BY_NAME.get(api, ours_max))
        if version < max(ours_min, theirs_min):
            raise BenchError(f"the broker at {self.address[0]}:{self.address[1]} does not serve {api.name}")
        return version

    def send(self, request: Request, response: type[R]) -> R:
        api = request.__schema__.api
        assert isinstance(api, ApiKey)
        return self.send_version(request, response, self.version(api))

    def send_version(self, request: Request, response: type[R], version: int) -> R:
        """KafkaError(NETWORK_EXCEPTION) if the connection does not live that long."""
        api = request.__schema__.api
        assert api is not None
        self._correlation_id += 1
        header = RequestHeader(api, version, self._correlation_id, CLIENT_ID)
        try:
            self._socket.sendall(frame(encode_request_header(header), encode(request, version)))
            (size,) = _SIZE.unpack(self._receive(4))
            if not 4 <= size <= FRAME_BYTES_MAX:
                raise ProtocolError(f"an answer of {size} bytes")
            body = memoryview(self._receive(size))
        except OSError as error:
            raise KafkaError(ErrorCode.NETWORK_EXCEPTION, str(error)) from None
        correlation_id, position = decode_response_header(body, api, version)
        if correlation_id != self._correlation_id:
            raise ProtocolError(f"answer {correlation_id} came to request {self._correlation_id}")
        return decode(response, version, body[position:])

    def _receive(self, size: int) -> bytearray:
        data = bytearray(size)
        view, done = memoryview(data), 0
        while done < size:
            count = self._socket.recv_into(view[done:])
            if not count:
                raise OSError("the broker closed the connection")
            done += count
        return data

    def close(self) -> None:
        self._socket.close()


class Cluster:
    """Connections to the brokers of one cluster, opened as they are needed."""

    def __init__(self, bootstrap: list[Address], *, timeout_s: float = 30.0) -> None:
        self.bootstrap = bootstrap
        self.timeout_s = timeout_s
        self._connections: dict[Address, WireConnection] = {}
        self.brokers: dict[int, Address] = {}

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()

    def connection(self, address: Address) -> WireConnection:
        if address not in self._connections:
            self._connections[address] = WireConnection(address, timeout_s=self.timeout_s)
        return self._connections[address]

    def any(self) -> WireConnection:
        """A connection to the first broker that answers."""
        if self._connections:
            return next(iter(self._connections.values()))
        failures = []
        for address in self.bootstrap:
            try:
                return self.connection(address)
            except BenchError as error:
                failures.append(str(error))
        raise Unreachable("; ".join(failures))

    def metadata(self, topics: list[str], *, create: bool = False) -> MetadataResponse:
        request = MetadataRequest(
            topics=[MetadataRequestTopic(name=name) for name in topics], allow_auto_topic_creation=create
        )
        answer = self.any().send(request, MetadataResponse)
        self.brokers = {broker.node_id: (broker.host, broker.port) for broker in answer.brokers}
        return answer

    def leaders(self, topic: str, *, create: bool = False) -> dict[int, Address]:
        """The address of the leader of every partition; KafkaError while one has none, or for no such topic."""
        leaders: dict[int, Address] = {}
        for partition, address in self.leaders_known(topic, create=create).items():
            if address is None:
                raise KafkaError(ErrorCode.LEADER_NOT_AVAILABLE, f"{topic}-{partition}")
            leaders[partition] = address
        if not leaders:
            raise KafkaError(ErrorCode.LEADER_NOT_AVAILABLE, topic)
        return leaders

    def leaders_known(self, topic: str, *, create: bool = False) -> dict[int, Address | None]:
        """None for a partition that has no leader now."""
        found = self.metadata([topic], create=create).topics[0]
        check(found.error_code, f"topic {topic}")
        leaders = {partition.partition_index: self.brokers.get(partition.leader_id) for partition in found.partitions}
        return dict(sorted(leaders.items()))

    def wait_for_leaders(self, topic: str, *, create: bool = False) -> dict[int, Address]:
        return self.retry(lambda: self.leaders(topic, create=create))

    def retry(self, action: Callable[[], R2], *, interval_s: float = RETRY_INTERVAL_S) -> R2:
        """What `action` returns, asked again while its failure is one that passes and there is time.

        A broker that cannot be reached passes, too, once the cluster is known: its leaders move."""
        deadline = time.monotonic() + self.timeout_s
        while True:
            try:
                return action()
            except Unreachable:
                if not self.brokers or time.monotonic() > deadline:
                    raise
                self.close()
            except KafkaError as error:
                if not error.code.retriable or time.monotonic() > deadline:
                    raise BenchError(str(error)) from error
                if error.code is ErrorCode.NETWORK_EXCEPTION:
                    self.close()
            time.sleep(interval_s)

    def controller(self) -> WireConnection:
        """Kafka's brokers forward to their controller; older ones want to be asked there."""
        controller_id = self.metadata([]).controller_id
        return self.connection(self.brokers[controller_id]) if controller_id in self.brokers else self.any()

    def create_topic(
        self, name: str, partitions: int, replication_factor: int, configs: Mapping[str, str] | None = None
    ) -> bool:
        """False if the topic was there already."""
        topic = CreatableTopic(
            name=name,
            num_partitions=partitions,
            replication_factor=replication_factor,
            configs=[CreatableTopicConfig(name=key, value=value) for key, value in (configs or {}).items()],
        )
        answer = self.controller().send(CreateTopicsRequest(topics=[topic]), CreateTopicsResponse).topics[0]
        if answer.error_code == ErrorCode.TOPIC_ALREADY_EXISTS:
            return False
        check(answer.error_code, answer.error_message or f"creating {name}")
        return True

    def delete_topic(self, name: str) -> None:
        request = DeleteTopicsRequest(topic_names=[name], timeout_ms=30_000)
        answer = self.controller().send(request, DeleteTopicsResponse).responses[0]
        check(answer.error_code, f"deleting {name}")

    def topic_offsets(self, topic: str, timestamp: int) -> tuple[dict[int, Address], dict[int, int]]:
        """The leaders, and what they say is the earliest or latest offset; asked anew where leaders move."""

        def ask() -> tuple[dict[int, Address], dict[int, int]]:
            leaders = self.leaders(topic)
            return leaders, self.offsets(topic, leaders, timestamp)

        return self.retry(ask)

    def offsets(self, topic: str, leaders: Mapping[int, Address], timestamp: int) -> dict[int, int]:
        """The earliest or latest offset of every partition."""
        found: dict[int, int] = {}
        for address, partitions in by_leader(leaders).items():
            wanted = [ListOffsetsPartition(partition_index=index, timestamp=timestamp) for index in partitions]
            request = ListOffsetsRequest(replica_id=-1, topics=[ListOffsetsTopic(name=topic, partitions=wanted)])
            answer = self.connection(address).send(request, ListOffsetsResponse)
            for partition in answer.topics[0].partitions:
                check(partition.error_code, f"offsets of {topic}-{partition.partition_index}")
                found[partition.partition_index] = partition.offset
        return found

    def producer_id(self) -> tuple[int, int]:
        """A new producer id and its epoch."""
        return self.retry(self.ask_producer_id)

    def ask_producer_id(self) -> tuple[int, int]:
        """The same, asked once."""
        request = InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=60_000)
        answer = self.any().send(request, InitProducerIdResponse)
        check(answer.error_code, "a producer id")
        return answer.producer_id, answer.producer_epoch


R2 = TypeVar("R2")


def by_leader(leaders: Mapping[int, Address]) -> dict[Address, list[int]]:
    groups: dict[Address, list[int]] = {}
    for partition, address in leaders.items():
        groups.setdefault(address, []).append(partition)
    return groups


def check(error_code: int, about: str) -> None:
    if error_code != ErrorCode.NONE:
        raise KafkaError(ErrorCode(error_code), about)
