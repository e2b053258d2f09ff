"""A client that sends what it is told, right or wrong, on one blocking socket, with our own codec for what is right."""

from __future__ import annotations

import itertools
import socket
import struct
import uuid
from typing import Any, TypeVar

from protocol import decode, encode
from protocol.errors import ErrorCode
from protocol.headers import RequestHeader, decode_response_header, encode_request_header
from protocol.messages import REQUESTS, RESPONSES
from protocol.messages.create_topics import CreatableTopic, CreatableTopicConfig, CreateTopicsRequest
from protocol.messages.fetch import FetchPartition, FetchRequest, FetchResponse, FetchTopic
from protocol.messages.init_producer_id import InitProducerIdRequest
from protocol.messages.produce import (
    PartitionProduceData,
    PartitionProduceResponse,
    ProduceRequest,
    ProduceResponse,
    TopicProduceData,
)

# Long enough for a machine that is busy with other tests; reached only by a failing test.
TIMEOUT_S = 30.0
PRODUCE_VERSION = 9
NOT_LED_YET = (ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.NOT_LEADER_OR_FOLLOWER)
_KEYS = {message: key for key, message in REQUESTS.items()}

Response = TypeVar("Response")


class Wire:
    """`call` for a request and its answer, `send`/`receive` to pipeline, `send_bytes` for anything else."""

    def __init__(self, bootstrap: str, *, timeout_s: float = TIMEOUT_S, receive_buffer_bytes: int = 0) -> None:
        host, _, port = bootstrap.rpartition(":")
        self.socket = socket.socket()
        if receive_buffer_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        self.socket.settimeout(timeout_s)
        self.socket.connect((host, int(port)))
        self._correlation_ids = itertools.count(1)

    # --- frames ------------------------------------------------------------------------------------------------

    def send_bytes(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send_frame(self, payload: bytes) -> None:
        self.send_bytes(struct.pack(">i", len(payload)) + payload)

    def send(self, request: Any, version: int, *, behind: bytes = b"") -> int:
        """Send one request, `behind` following its message in the same frame; returns its correlation id."""
        correlation_id = next(self._correlation_ids)
        header = RequestHeader(_KEYS[type(request)], version, correlation_id, "faults")
        self.send_frame(encode_request_header(header) + encode(request, version) + behind)
        return correlation_id

    def receive_frame(self) -> bytes:
        (size,) = struct.unpack(">i", self._receive_exactly(4))
        return self._receive_exactly(size)

    def _receive_exactly(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            piece = self.socket.recv(min(size - len(data), 1 << 20))
            if not piece:
                raise ConnectionResetError(f"the broker hung up after {len(data)} of {size} bytes")
            data += piece
        return bytes(data)

    def receive(self, request_type: type, version: int, correlation_id: int) -> Any:
        """The next answer, which must be this one's and hold nothing behind its message."""
        frame = memoryview(self.receive_frame())
        key = _KEYS[request_type]
        answered_id, position = decode_response_header(frame, key, version)
        assert answered_id == correlation_id, f"answer {answered_id} came for request {correlation_id}"
        return decode(RESPONSES[key], version, frame[position:])

    def call(self, request: Any, version: int, *, behind: bytes = b"") -> Any:
        return self.receive(type(request), version, self.send(request, version, behind=behind))

    def is_closed(self) -> bool:
        """Wait until the broker hangs up. False if it says something instead."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # --- what most tests ask -----------------------------------------------------------------------------------

    def create_topic(self, name: str, partitions: int = 1, **configs: str) -> bytes:
        """Make a topic (`_` in a config's name for `.`) and return its id."""
        topic = CreatableTopic(
            name=name,
            num_partitions=partitions,
            replication_factor=1,
            configs=[CreatableTopicConfig(name=key.replace("_", "."), value=value) for key, value in configs.items()],
        )
        response = self.call(CreateTopicsRequest(topics=[topic], timeout_ms=30_000), 7)
        assert response.topics[0].error_code == 0, response
        # Here a created topic is led when the answer is sent; Kafka, which the tests are compared with, needs a moment.
        for partition in range(partitions):
            while self.fetch(name, partition=partition).error_code in NOT_LED_YET:
                continue
        topic_id: bytes = response.topics[0].topic_id
        return topic_id

    def produce(
        self,
        topic: str,
        records: bytes | None,
        *,
        partition: int = 0,
        acks: int = -1,
        version: int = PRODUCE_VERSION,
        topic_id: bytes = bytes(16),
        transactional_id: str | None = None,
    ) -> PartitionProduceResponse:
        request = produce_request(topic, {partition: records}, acks=acks, version=version, topic_id=topic_id)
        request.transactional_id = transactional_id
        response: ProduceResponse = self.call(request, version)
        return response.responses[0].partition_responses[0]

    def fetch(self, topic: str, offset: int = 0, *, partition: int = 0, version: int = 12, **limits: int) -> Any:
        """One fetch of one partition: its PartitionData. Versions that name topics by name only."""
        request = FetchRequest(
            max_wait_ms=limits.get("max_wait_ms", 0),
            min_bytes=limits.get("min_bytes", 0),
            max_bytes=limits.get("max_bytes", 64 << 20),
            session_epoch=-1,
            topics=[
                FetchTopic(
                    topic=topic,
                    partitions=[
                        FetchPartition(
                            partition=partition,
                            fetch_offset=offset,
                            partition_max_bytes=limits.get("partition_max_bytes", 64 << 20),
                        )
                    ],
                )
            ],
        )
        response: FetchResponse = self.call(request, version)
        return response.responses[0].partitions[0]

    def new_producer_id(self) -> tuple[int, int]:
        response = self.call(InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=60_000), 4)
        while response.error_code == ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:  # Kafka, for a moment after its start
            response = self.call(InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=60_000), 4)
        assert response.error_code == 0, response
        return response.producer_id, response.producer_epoch


def produce_request(
    topic: str,
    records: dict[int, bytes | None],
    *,
    acks: int = -1,
    version: int = PRODUCE_VERSION,
    topic_id: bytes = bytes(16),
) -> ProduceRequest:
    data = TopicProduceData(
        name=topic if version < 13 else "",
        topic_id=topic_id if version >= 13 else bytes(16),
        partition_data=[PartitionProduceData(index=index, records=batch) for index, batch in records.items()],
    )
    return ProduceRequest(acks=acks, timeout_ms=30_000, topic_data=[data])


def new_topic_name(prefix: str = "faults") -> str:
    return f"{prefix}.{uuid.uuid4().hex[:12]}"
