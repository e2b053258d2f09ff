"""A broker of a few lines, in a thread of its own: records in memory, and faults where a test wants them.

One node, or two of one cluster (`follow`): they share what is stored, and one of them leads everything.

Real sockets and the real wire, so that workers, client and verification run against it as against any broker.
"""

from __future__ import annotations

import socketserver
import struct
import threading
from collections.abc import Callable
from typing import Any

from broker.bench.options import BenchOptions
from broker.bench.produce import ProduceResult, run_produce
from broker.bench.results import SilentObserver
from broker.bench.wire import Cluster, parse_addresses
from protocol import ApiKey, ErrorCode, decode, encode
from protocol.framing import frame
from protocol.headers import decode_request_header, response_header
from protocol.messages import REQUESTS
from protocol.messages.api_versions import ApiVersion, ApiVersionsResponse
from protocol.messages.create_topics import CreatableTopicResult, CreateTopicsResponse
from protocol.messages.delete_topics import DeletableTopicResult, DeleteTopicsResponse
from protocol.messages.fetch import FetchableTopicResponse, FetchResponse, PartitionData
from protocol.messages.init_producer_id import InitProducerIdResponse
from protocol.messages.list_offsets import (
    ListOffsetsPartitionResponse,
    ListOffsetsResponse,
    ListOffsetsTopicResponse,
)
from protocol.messages.metadata import (
    MetadataResponse,
    MetadataResponseBroker,
    MetadataResponsePartition,
    MetadataResponseTopic,
)
from protocol.messages.produce import PartitionProduceResponse, ProduceResponse, TopicProduceResponse
from protocol.records import iterate_batches, read_batch_header, stamp

SERVED = (
    ApiKey.PRODUCE, ApiKey.FETCH, ApiKey.LIST_OFFSETS, ApiKey.METADATA, ApiKey.API_VERSIONS, ApiKey.CREATE_TOPICS,
    ApiKey.DELETE_TOPICS, ApiKey.INIT_PRODUCER_ID,
)  # fmt: skip

Store = Callable[[bytes, list[bytes]], None]


def keep(batch: bytes, log: list[bytes]) -> None:
    log.append(batch)


class WireServer(socketserver.ThreadingTCPServer):
    """`store` decides what an acknowledged batch does to its log: the place for faults."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(
        self,
        *,
        store: Store = keep,
        error: Callable[[int], ErrorCode] | None = None,
        follow: WireServer | None = None,
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.store = store
        self.error = error or (lambda number: ErrorCode.NONE)
        self.nodes: list[WireServer] = follow.nodes if follow else []
        self.nodes.append(self)
        self.topics: dict[str, list[list[bytes]]] = follow.topics if follow else {}
        self.sequences: dict[tuple[int, int], int] = follow.sequences if follow else {}  # by producer and partition
        self.is_leader = follow is None
        self.is_in_sync = True
        self.fetch_error: Callable[[], ErrorCode] = lambda: ErrorCode.NONE
        # What is sent in the place of an answer.
        self.distort: Callable[[ApiKey, bytes], bytes] = lambda api, data: data
        self.produce_count = 0
        self.producer_ids = 0
        # Of all nodes: they share what they store.
        self.lock: threading.Lock = follow.lock if follow else threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def node_id(self) -> int:
        return self.nodes.index(self) + 1

    @property
    def bootstrap(self) -> str:
        return ",".join(f"127.0.0.1:{node.server_address[1]}" for node in self.nodes)

    def resign(self) -> None:
        """The next node leads from now on."""
        self.is_leader = False
        self.nodes[self.node_id % len(self.nodes)].is_leader = True

    def __exit__(self, *exception: object) -> None:
        self.shutdown()
        self.server_close()

    def answer(self, api: ApiKey, request: Any) -> Any:
        with self.lock:
            match api:
                case ApiKey.API_VERSIONS:
                    ranges = [(key, *REQUESTS[key].__schema__.versions) for key in SERVED]
                    return ApiVersionsResponse(
                        api_keys=[ApiVersion(api_key=a, min_version=b, max_version=c) for a, b, c in ranges]
                    )
                case ApiKey.METADATA:
                    names = [topic.name for topic in request.topics]
                    if request.allow_auto_topic_creation:
                        self.topics |= {name: [[]] for name in names if name not in self.topics}
                    return self._metadata(names)
                case ApiKey.CREATE_TOPICS:
                    return CreateTopicsResponse(topics=[self._create(topic) for topic in request.topics])
                case ApiKey.DELETE_TOPICS:
                    return DeleteTopicsResponse(responses=[self._delete(name) for name in request.topic_names])
                case ApiKey.INIT_PRODUCER_ID:
                    self.producer_ids += 1
                    return InitProducerIdResponse(producer_id=self.node_id * 1000 + self.producer_ids)
                case ApiKey.LIST_OFFSETS:
                    return self._offsets(request)
                case ApiKey.PRODUCE:
                    return self._produce(request)
                case ApiKey.FETCH:
                    return self._fetch(request)
        raise AssertionError(api)

    def _metadata(self, names: list[str]) -> MetadataResponse:
        leader_id = next(node.node_id for node in self.nodes if node.is_leader)
        in_sync = [node.node_id for node in self.nodes if node.is_in_sync]
        topics = [
            MetadataResponseTopic(
                name=name,
                error_code=0 if name in self.topics else ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
                partitions=[
                    MetadataResponsePartition(partition_index=index, leader_id=leader_id, isr_nodes=in_sync)
                    for index in range(len(self.topics.get(name, [])))
                ],
            )
            for name in names
        ]
        addresses = {node.node_id: node.server_address for node in self.nodes}
        brokers = [
            MetadataResponseBroker(node_id=node_id, host=str(address[0]), port=int(address[1]))
            for node_id, address in addresses.items()
        ]
        return MetadataResponse(brokers=brokers, controller_id=1, topics=topics)

    def _create(self, topic: Any) -> CreatableTopicResult:
        if topic.name in self.topics:
            return CreatableTopicResult(name=topic.name, error_code=ErrorCode.TOPIC_ALREADY_EXISTS)
        self.topics[topic.name] = [[] for _ in range(topic.num_partitions)]
        return CreatableTopicResult(name=topic.name)

    def _delete(self, name: str) -> DeletableTopicResult:
        del self.topics[name]
        return DeletableTopicResult(name=name)

    def _offsets(self, request: Any) -> ListOffsetsResponse:
        topics = []
        for topic in request.topics:
            partitions = [
                ListOffsetsPartitionResponse(
                    partition_index=wanted.partition_index,
                    offset=_end(self.topics[topic.name][wanted.partition_index]) if wanted.timestamp == -1 else 0,
                )
                for wanted in topic.partitions
            ]
            topics.append(ListOffsetsTopicResponse(name=topic.name, partitions=partitions))
        return ListOffsetsResponse(topics=topics)

    def _produce(self, request: Any) -> ProduceResponse | None:
        responses = []
        for topic in request.topic_data:
            partitions = []
            for data in topic.partition_data:
                self.produce_count += 1
                code = self.error(self.produce_count)
                if code is ErrorCode.NONE:
                    code = self._check(data) if self.is_leader else ErrorCode.NOT_LEADER_OR_FOLLOWER
                if code is ErrorCode.NONE:
                    self.store(bytes(data.records), self.topics[topic.name][data.index])
                partitions.append(PartitionProduceResponse(index=data.index, error_code=code))
            responses.append(TopicProduceResponse(name=topic.name, partition_responses=partitions))
        return ProduceResponse(responses=responses) if request.acks else None

    def _check(self, data: Any) -> ErrorCode:
        """As brokers do: of a producer with an id sequences go on without a gap, and begin at 0."""
        header = read_batch_header(data.records)
        if header.producer_id < 0:
            return ErrorCode.NONE
        key = (header.producer_id, data.index)
        if header.base_sequence != self.sequences.get(key, 0):
            return ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
        self.sequences[key] = header.base_sequence + header.record_count
        return ErrorCode.NONE

    def _fetch(self, request: Any) -> FetchResponse:
        responses = []
        for topic in request.topics:
            partitions = []
            for wanted in topic.partitions:
                log = self.topics[topic.topic][wanted.partition]
                partitions.append(
                    PartitionData(
                        partition_index=wanted.partition,
                        error_code=self.fetch_error(),
                        high_watermark=_end(log),
                        records=_stamped(log, wanted.fetch_offset),
                    )
                )
            responses.append(FetchableTopicResponse(topic=topic.topic, partitions=partitions))
        return FetchResponse(responses=responses)


def options_of(server: WireServer, **changes: object) -> BenchOptions:
    """A short run of two connections against that broker."""
    fields: dict[str, object] = {
        "bootstrap_servers": server.bootstrap,
        "topic": "bench",
        "concurrency": 2,
        "message_size": 32,
        "message_count": 40,
        "partitions": 2,
        "warmup_s": 0.0,
        "duration_s": 30.0,
        "request_timeout_ms": 5000,
    }
    if changes.get("mode") == "consume":
        del fields["concurrency"]
    return BenchOptions(**{**fields, **changes})  # type: ignore[arg-type]


def produce(server: WireServer, options: BenchOptions) -> ProduceResult:
    cluster = Cluster(parse_addresses(server.bootstrap))
    cluster.create_topic(options.topic, options.partitions, 1)
    try:
        return run_produce(cluster, options, SilentObserver())
    finally:
        cluster.close()


def _count(batch: bytes) -> int:
    return next(iterate_batches(batch))[1].last_offset_delta + 1


def _end(log: list[bytes]) -> int:
    return sum(map(_count, log))


def _stamped(log: list[bytes], from_offset: int) -> bytes:
    """Batches get their offsets when they are read, so that a test may do to a log what it likes."""
    parts, offset = [], 0
    for batch in log:
        if offset + _count(batch) > from_offset:
            parts.append(stamp(batch, offset, 0))
        offset += _count(batch)
    return b"".join(parts)


class _Connection(socketserver.BaseRequestHandler):
    server: WireServer

    def handle(self) -> None:
        while (size := self._read(4)) is not None:
            body = self._read(struct.unpack(">i", size)[0])
            if body is None:
                return
            header, position = decode_request_header(memoryview(body))
            api = ApiKey(header.api_key)
            request = decode(REQUESTS[api], header.api_version, body[position:])
            try:
                answer = self.server.answer(api, request)
            except ConnectionError:
                return  # a fault that a test wants: the request is left without an answer
            if answer is not None:
                head = response_header(api, header.api_version, header.correlation_id)
                self.request.sendall(self.server.distort(api, frame(head, encode(answer, header.api_version))))

    def _read(self, size: int) -> bytes | None:
        data = b""
        while len(data) < size:
            try:
                more = self.request.recv(size - len(data))
            except ConnectionResetError:
                return None
            if not more:
                return None
            data += more
        return data
