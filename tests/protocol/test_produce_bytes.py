"""What is read and written of a produce request without message objects is what the messages say, in every version."""

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
from protocol.produce_bytes import MIN_VERSION, PARTITIONS_MAX, produce_response, read_produce

VERSIONS = range(MIN_VERSION, 14)
TOPIC_ID = bytes(range(16))

NAMES = st.text("abc.-_XYZ09", min_size=1, max_size=126)
# The sizes at which a compact length gets another byte.
SIZES = st.integers(1, 400) | st.sampled_from([126, 127, 128, 16_382, 16_383, 16_384])
PARTITIONS = st.lists(st.tuples(st.integers(-(2**31), 2**31 - 1), SIZES), min_size=1, max_size=20)
# By name: (index, size of the records) of each partition.
TOPICS = st.lists(st.tuples(NAMES, PARTITIONS), min_size=1, max_size=4)

Topics = list[tuple[str, list[tuple[int, int]]]]
ONE: Topics = [("orders", [(3, 70)])]


def request(version: int, topics: Topics = ONE, **changes: object) -> ProduceRequest:
    message = ProduceRequest(acks=-1, timeout_ms=1500)
    for name, partitions in topics:
        topic = TopicProduceData(name=name, topic_id=TOPIC_ID if version >= 13 else bytes(16))
        topic.partition_data = [PartitionProduceData(index=index, records=bytes(size)) for index, size in partitions]
        message.topic_data.append(topic)
    for field, value in changes.items():
        setattr(message, field, value)
    return message


def read(frame: bytes, version: int) -> object:
    return read_produce(frame, 0, len(frame), version)


@given(version=st.sampled_from(VERSIONS), topics=TOPICS, before=st.binary(max_size=20), behind=st.binary(max_size=20))
def test_it_reads_what_the_codec_wrote(version: int, topics: Topics, before: bytes, behind: bytes) -> None:
    message = encode(request(version, topics), version)
    data = before + message + behind
    spans = read_produce(data, len(before), len(before) + len(message), version)
    assert spans is not None
    acks, timeout_ms, found = spans
    assert (acks, timeout_ms) == (-1, 1500)
    assert [topic for topic, _ in found] == [TOPIC_ID if version >= 13 else name.encode() for name, _ in topics]
    for (_, partitions), (_, expected) in zip(found, topics, strict=True):
        assert [(index, end - start) for index, start, end in partitions] == expected
    assert all(not any(data[start:end]) for _, partitions in found for _, start, end in partitions)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_unusual_is_left_to_the_codec(version: int) -> None:
    for other in (
        request(version, topic_data=[]),
        request(version, [("orders", [])]),
        request(version, transactional_id="tx"),
        request(version, [("orders", [(0, 0)])]),
        request(version, [("orders", [(0, 70), (1, 0)])]),
        request(version, [("orders", [(0, 1)] * (PARTITIONS_MAX + 1))]),
    ):
        assert read(encode(other, version), version) is None
    null = request(version)
    null.topic_data[0].partition_data[0].records = None
    assert read(encode(null, version), version) is None


@pytest.mark.parametrize("version", VERSIONS)
def test_a_message_that_is_cut_or_continued_is_left_to_the_codec(version: int) -> None:
    message = encode(request(version, [("orders", [(0, 40), (1, 150)]), ("payments", [(2, 9)])]), version)
    for end in range(len(message)):
        assert read_produce(message[:end], 0, end, version) is None
        # The bytes of the next request must not make it whole.
        assert read_produce(message, 0, end, version) is None
    assert read(message + b"\0", version) is None


@given(version=st.sampled_from(VERSIONS), garbage=st.binary(max_size=200))
def test_garbage_is_never_an_error_here(version: int, garbage: bytes) -> None:
    read(garbage, version)


@given(
    version=st.sampled_from(VERSIONS),
    topics=st.lists(st.tuples(NAMES, st.integers(1, 150)), min_size=1, max_size=4),
    correlation_id=st.integers(-(2**31), 2**31 - 1),
    offset=st.integers(0, 2**62),
    time_ms=st.integers(-1, 2**62),
)
def test_the_answer_is_what_the_codec_would_write(
    version: int, topics: list[tuple[str, int]], correlation_id: int, offset: int, time_ms: int
) -> None:
    response = ProduceResponse()
    answers = []
    for name, count in topics:
        partitions = [
            PartitionProduceResponse(
                index=index, base_offset=offset + index, log_append_time_ms=time_ms, log_start_offset=5
            )
            for index in range(count)
        ]
        response.responses.append(TopicProduceResponse(name=name, topic_id=TOPIC_ID, partition_responses=partitions))
        numbers = [number for index in range(count) for number in (index, offset + index, time_ms, 5)]
        answers.append((TOPIC_ID if version >= 13 else name.encode(), numbers))
    expected = response_header(ApiKey.PRODUCE, version, correlation_id) + encode(response, version)
    frame = produce_response(version, correlation_id, answers)
    assert frame == struct.pack(">i", len(expected)) + expected


@pytest.mark.parametrize("version", VERSIONS)
def test_the_answer_to_many_topics_has_a_longer_count(version: int) -> None:
    topics = [(TOPIC_ID if version >= 13 else b"t", [0, 1, -1, 0]) for _ in range(200)]
    response = ProduceResponse()
    for _ in topics:
        appended = PartitionProduceResponse(index=0, base_offset=1, log_start_offset=0)
        response.responses.append(TopicProduceResponse(name="t", topic_id=TOPIC_ID, partition_responses=[appended]))
    expected = response_header(ApiKey.PRODUCE, version, 9) + encode(response, version)
    assert produce_response(version, 9, topics) == struct.pack(">i", len(expected)) + expected
