"""A connection that says exactly what a test wants: any API at any version, pipelined, malformed or cut.

with RawClient(broker.bootstrap) as client:
    response = client.call(MetadataRequest(topics=None), version=9)
    client.send(ProduceRequest(...), version=8); client.send_bytes(b"...")
    correlation_id, response = client.receive()
"""

from __future__ import annotations

import socket
import struct
from typing import Any, TypeVar

from protocol import ApiKey, decode, encode
from protocol.headers import RequestHeader, decode_response_header, encode_request_header
from protocol.messages import REQUESTS, RESPONSES
from protocol.messages.fetch import FetchPartition, FetchRequest, FetchTopic, PartitionData
from protocol.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsPartitionResponse,
    ListOffsetsRequest,
    ListOffsetsTopic,
)
from protocol.messages.produce import (
    PartitionProduceData,
    PartitionProduceResponse,
    ProduceRequest,
    TopicProduceData,
)

TIMEOUT_S = 30.0
_KEY_OF: dict[type, ApiKey] = {message: key for key, message in REQUESTS.items()}

T = TypeVar("T")


class RawClient:
    def __init__(self, bootstrap: str) -> None:
        host, _, port = bootstrap.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), TIMEOUT_S)
        self._correlation_id = 0
        self._sent: dict[int, tuple[ApiKey, int]] = {}

    def send(self, request: Any, *, version: int) -> int:
        """Returns the correlation id; any number may be sent before the first answer is received."""
        key = _KEY_OF[type(request)]
        return self.send_bytes(key, version, encode(request, version))

    def send_bytes(self, key: ApiKey, version: int, body: bytes) -> int:
        self._correlation_id += 1
        self._sent[self._correlation_id] = (key, version)
        header = encode_request_header(RequestHeader(key, version, self._correlation_id, "raw"))
        self.socket.sendall(struct.pack(">i", len(header) + len(body)) + header + body)
        return self._correlation_id

    def receive_frame(self) -> bytes:
        return self._read(struct.unpack(">i", self._read(4))[0])

    def receive(self) -> tuple[int, Any]:
        """The next answer, whichever request it is for: its correlation id and its message."""
        frame = self.receive_frame()
        key, version = self._sent[struct.unpack_from(">i", frame)[0]]
        correlation_id, position = decode_response_header(memoryview(frame), key, version)
        return correlation_id, decode(RESPONSES[key], version, frame[position:])

    def call(self, request: Any, *, version: int) -> Any:
        asked = self.send(request, version=version)
        correlation_id, response = self.receive()
        assert correlation_id == asked
        return response

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                raise ConnectionError("the broker hung up")
            data += more
        return data

    # --- what most tests ask -----------------------------------------------------------------------------------

    def produce(self, topic: str, records: bytes, *, partition: int = 0, acks: int = -1) -> PartitionProduceResponse:
        response = self.call(produce_request(topic, records, partition=partition, acks=acks), version=8)
        [answer] = response.responses[0].partition_responses
        return answer  # type: ignore[no-any-return]

    def fetch(self, topic: str, offset: int, *, partition: int = 0, max_bytes: int = 1 << 20) -> PartitionData:
        asked = FetchPartition(partition=partition, fetch_offset=offset, partition_max_bytes=max_bytes)
        topics = [FetchTopic(topic=topic, partitions=[asked])]
        response = self.call(FetchRequest(max_wait_ms=0, min_bytes=0, topics=topics), version=11)
        [answer] = response.responses[0].partitions
        return answer  # type: ignore[no-any-return]

    def list_offset(
        self, topic: str, timestamp: int, *, partition: int = 0, current_leader_epoch: int = -1
    ) -> ListOffsetsPartitionResponse:
        asked = ListOffsetsPartition(
            partition_index=partition, timestamp=timestamp, current_leader_epoch=current_leader_epoch
        )
        topics = [ListOffsetsTopic(name=topic, partitions=[asked])]
        response = self.call(ListOffsetsRequest(replica_id=-1, topics=topics), version=7)
        [answer] = response.topics[0].partitions
        return answer  # type: ignore[no-any-return]

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def produce_request(topic: str, records: bytes, *, partition: int = 0, acks: int = -1) -> ProduceRequest:
    data = [PartitionProduceData(index=partition, records=records)]
    return ProduceRequest(
        acks=acks, timeout_ms=int(TIMEOUT_S * 1000), topic_data=[TopicProduceData(name=topic, partition_data=data)]
    )
