"""The short road of a produce request with one partition says what the messages say, in every version."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import encode
from protocol.api_keys import ApiKey
from protocol.headers import response_header
from protocol.messages.produce import (
    PartitionProduceData,
    PartitionProduceResponse,
    ProduceRequest,
    ProduceResponse,
    TopicProduceData,
    TopicProduceResponse,
)
from protocol.single_produce import MIN_VERSION, read_single_produce, single_produce_response

VERSIONS = range(MIN_VERSION, 14)
TOPIC_ID = bytes(range(16))


def request(version: int, name: str = "orders", records: bytes = b"r" * 70, **changes: object) -> ProduceRequest:
    topic = TopicProduceData(name=name, topic_id=TOPIC_ID if version >= 13 else bytes(16))
    topic.partition_data = [PartitionProduceData(index=3, records=records)]
    message = ProduceRequest(acks=-1, timeout_ms=1500, topic_data=[topic])
    for field, value in changes.items():
        setattr(message, field, value)
    return message


@given(
    version=st.sampled_from(VERSIONS),
    name=st.text("abc.-_XYZ09", min_size=1, max_size=126),
    records=st.binary(min_size=61, max_size=400),
    before=st.binary(max_size=20),
)
def test_it_reads_what_the_codec_wrote(version: int, name: str, records: bytes, before: bytes) -> None:
    frame = before + encode(request(version, name, records), version)
    single = read_single_produce(memoryview(frame), len(before), version)
    assert single is not None
    assert single.acks == -1
    assert single.topic == (TOPIC_ID if version >= 13 else name.encode())
    assert single.partition == 3
    assert single.records == records


@pytest.mark.parametrize("version", VERSIONS)
def test_records_of_any_size_are_read(version: int) -> None:
    for size in (61, 126, 127, 128, 16_382, 16_383, 16_384, 3_000_000):
        frame = encode(request(version, records=bytes(size)), version)
        single = read_single_produce(memoryview(frame), 0, version)
        assert single is not None
        assert len(single.records) == size


@pytest.mark.parametrize("version", VERSIONS)
def test_any_other_shape_is_left_to_the_codec(version: int) -> None:
    two_topics = request(version)
    two_topics.topic_data *= 2
    two_partitions = request(version)
    two_partitions.topic_data[0].partition_data *= 2
    for other in (
        two_topics,
        two_partitions,
        request(version, topic_data=[]),
        request(version, transactional_id="tx"),
        request(version, records=b""),
    ):
        assert read_single_produce(memoryview(encode(other, version)), 0, version) is None


@pytest.mark.parametrize("version", VERSIONS)
def test_a_frame_that_is_cut_or_continued_is_left_to_the_codec(version: int) -> None:
    frame = encode(request(version), version)
    for end in range(len(frame)):
        assert read_single_produce(memoryview(frame)[:end], 0, version) is None
    assert read_single_produce(memoryview(frame + b"\0"), 0, version) is None


@given(version=st.sampled_from(VERSIONS), garbage=st.binary(max_size=200))
def test_garbage_is_never_an_error_here(version: int, garbage: bytes) -> None:
    read_single_produce(memoryview(garbage), 0, version)


@given(
    version=st.sampled_from(VERSIONS),
    name=st.text("abc", min_size=1, max_size=126),
    correlation_id=st.integers(-(2**31), 2**31 - 1),
    offset=st.integers(0, 2**63 - 1),
    time_ms=st.integers(-1, 2**62),
)
def test_the_answer_is_what_the_codec_would_write(
    version: int, name: str, correlation_id: int, offset: int, time_ms: int
) -> None:
    partition = PartitionProduceResponse(index=7, base_offset=offset, log_append_time_ms=time_ms, log_start_offset=5)
    topic = TopicProduceResponse(name=name, topic_id=TOPIC_ID, partition_responses=[partition])
    body = encode(ProduceResponse(responses=[topic]), version)
    expected = response_header(ApiKey.PRODUCE, version, correlation_id) + body
    key = TOPIC_ID if version >= 13 else name.encode()
    frame = single_produce_response(version, correlation_id, key, 7, offset, time_ms, 5)
    assert frame == struct.pack(">i", len(expected)) + expected
