"""Prepared frames: after patching they are still whole requests whose checksums hold."""

from __future__ import annotations

import pytest

from broker.bench.frames import PRODUCE_VERSION, ProduceAnswer, ProduceFrame
from broker.bench.payload import IDENTITY, PreparedBatch
from protocol import ErrorCode, decode, encode
from protocol.headers import decode_request_header, response_header
from protocol.messages.produce import (
    PartitionProduceResponse,
    ProduceRequest,
    ProduceResponse,
    TopicProduceResponse,
)
from protocol.records import Compression, read_batch_header, read_records, verify_crc


def prepared_batch(**changes: object) -> PreparedBatch:
    fields: dict[str, object] = {
        "record_count": 1,
        "message_size": 64,
        "payload_pattern": "random",
        "key_pattern": "random",
        "compression": Compression.NONE,
        "now_ms": 1_700_000_000_000,
        "seed": 7,
    }
    return PreparedBatch(**{**fields, **changes})  # type: ignore[arg-type]


def prepared_frame(batch: PreparedBatch, partitions: list[int]) -> ProduceFrame:
    return ProduceFrame(batch, connection_id=0x12340005, topic="bench", partitions=partitions, acks=1, timeout_ms=1000)


def request_in(frame: ProduceFrame) -> tuple[int, ProduceRequest]:
    body = memoryview(bytes(frame.buffer))[4:]
    header, position = decode_request_header(body)
    return header.correlation_id, decode(ProduceRequest, PRODUCE_VERSION, body[position:])


@pytest.mark.parametrize("record_count", [1, 100])
@pytest.mark.parametrize("partitions", [[0], [3, 1, 2]])
def test_a_patched_frame_is_a_request_whose_checksums_hold(record_count: int, partitions: list[int]) -> None:
    frame = prepared_frame(prepared_batch(record_count=record_count), partitions)

    for sequence in (0, 1, 77):
        frame.patch(sequence, 123_456_789)

        correlation_id, request = request_in(frame)
        assert correlation_id == sequence
        found = request.topic_data[0].partition_data
        assert [data.index for data in found] == partitions
        for data in found:
            assert data.records is not None
            header = read_batch_header(data.records)
            verify_crc(data.records, 0, header)
            records = read_records(data.records, 0, header, decompressed_bytes_max=1 << 20)
            assert len(records) == record_count
            assert IDENTITY.unpack_from(records[0].value or b"") == (0x12340005, sequence, 123_456_789)


def test_a_compressed_frame_is_told_by_its_base_sequence() -> None:
    batch = prepared_batch(record_count=10, compression=Compression.LZ4, producer_id=42, producer_epoch=0)
    frame = prepared_frame(batch, [0, 1])

    frame.patch(5, 0)

    for data in request_in(frame)[1].topic_data[0].partition_data:
        assert data.records is not None
        header = read_batch_header(data.records)
        verify_crc(data.records, 0, header)
        assert (header.producer_id, header.base_sequence) == (42, 50)


@pytest.mark.parametrize("pattern", ["random", "zeros", "text"])
def test_values_have_the_size_that_was_asked_for(pattern: str) -> None:
    batch = prepared_batch(record_count=3, message_size=1000, payload_pattern=pattern)

    records = read_records(batch.data, 0, read_batch_header(batch.data), decompressed_bytes_max=1 << 20)

    assert [len(record.value or b"") for record in records] == [1000, 1000, 1000]


def test_the_answers_size_and_errors_lie_where_they_are_looked_for() -> None:
    answer = ProduceAnswer("bench", 2)
    codes = [ErrorCode.NONE, ErrorCode.NOT_LEADER_OR_FOLLOWER]
    response = ProduceResponse(
        responses=[
            TopicProduceResponse(
                name="bench",
                partition_responses=[PartitionProduceResponse(index=i, error_code=c) for i, c in enumerate(codes)],
            )
        ]
    )
    body = response_header(0, PRODUCE_VERSION, 99) + encode(response, PRODUCE_VERSION)
    data = len(body).to_bytes(4) + body

    assert len(data) == answer.size_bytes
    assert answer.unpack_from(data)[1:] == (99, 0, 6)
