"""Produce requests as a whole: their topics and partitions, their acks, their versions.

Every code here was compared with Apache Kafka 4.3.1; where ours is another on purpose, the test says why. To compare
again: MILLSTREAM_COMPARE_WITH=host:port.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from faults_harness.produced import GOOD, NOW_MS, ours_only, values, with_broken_checksum
from faults_harness.wire import Wire, new_topic_name, produce_request
from log_harness.batches import records_of

from protocol.errors import ErrorCode
from protocol.messages.produce import PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData
from protocol.records import Compression, Record, convert_up, write_message_set


@pytest.mark.parametrize("version", [3, 9])
@pytest.mark.parametrize("acks", [2, -2])
def test_acks_are_all_none_or_one(wire: Wire, topic: str, acks: int, version: int) -> None:
    refused = wire.produce(topic, GOOD, acks=acks, version=version)
    assert ErrorCode(refused.error_code) is ErrorCode.INVALID_REQUIRED_ACKS
    assert wire.produce(topic, GOOD).base_offset == 0


@pytest.mark.parametrize("partition", [77, -1])
def test_an_unknown_partition_fails_alone(wire: Wire, topic: str, partition: int) -> None:
    response: ProduceResponse = wire.call(produce_request(topic, {partition: GOOD, 0: GOOD}), 9)
    codes = {answer.index: ErrorCode(answer.error_code) for answer in response.responses[0].partition_responses}
    assert codes == {partition: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, 0: ErrorCode.NONE}


def test_one_broken_batch_does_not_take_the_others_along(wire: Wire) -> None:
    name = new_topic_name()
    wire.create_topic(name, 3)
    request = produce_request(name, {0: GOOD, 1: with_broken_checksum(GOOD), 2: GOOD})
    answers = wire.call(request, 9).responses[0].partition_responses
    assert [ErrorCode(answer.error_code) for answer in answers] == [
        ErrorCode.NONE,
        ErrorCode.CORRUPT_MESSAGE,
        ErrorCode.NONE,
    ]
    assert [answer.base_offset for answer in answers] == [0, -1, 0]


@pytest.mark.parametrize("name", ["a b/c", "", ".", "x" * 250])
def test_a_name_that_no_topic_can_have(wire: Wire, name: str) -> None:
    assert ErrorCode(wire.produce(name, GOOD).error_code) is ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


def test_topic_ids(wire: Wire) -> None:
    name = new_topic_name()
    topic_id = wire.create_topic(name)
    assert wire.produce(name, GOOD, version=13, topic_id=topic_id).base_offset == 0
    for unknown in (bytes(16), b"0123456789abcdef"):
        refused = wire.produce(name, GOOD, version=13, topic_id=unknown)
        assert ErrorCode(refused.error_code) is ErrorCode.UNKNOWN_TOPIC_ID
    refused = wire.produce(name, GOOD, version=13, topic_id=topic_id, partition=9)
    assert ErrorCode(refused.error_code) is ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


def test_acks_0_answers_nothing_and_keeps_the_order(wire: Wire, topic: str) -> None:
    wire.send(produce_request(topic, {0: GOOD}, acks=0), 9)
    assert wire.produce(topic, GOOD).base_offset == 2


def test_a_refused_request_with_acks_0_closes_the_connection(wire: Wire, bootstrap: str, topic: str) -> None:
    """The only way to tell a producer that expects no answer."""
    with Wire(bootstrap) as silent:
        silent.send(produce_request(topic, {0: with_broken_checksum(GOOD)}, acks=0), 9)
        assert silent.is_closed()
    assert wire.produce(topic, GOOD).base_offset == 0


def test_a_partition_named_twice_is_appended_twice(wire: Wire, topic: str) -> None:
    entry = PartitionProduceData(index=0, records=GOOD)
    request = ProduceRequest(
        acks=-1, timeout_ms=30_000, topic_data=[TopicProduceData(name=topic, partition_data=[entry, entry])]
    )
    answers = wire.call(request, 9).responses[0].partition_responses
    assert {ErrorCode(answer.error_code) for answer in answers} == {ErrorCode.NONE}


def test_a_request_without_topics_is_answered(wire: Wire) -> None:
    assert wire.call(ProduceRequest(acks=-1, timeout_ms=1000), 9).responses == []


def test_hundreds_of_requests_in_flight_keep_their_order(wire: Wire, topic: str) -> None:
    send: Callable[[int], int] = lambda n: wire.send(produce_request(topic, {0: values(b"%d" % n)}, acks=1), 9)  # noqa: E731
    ids = [send(n) for n in range(400)]
    offsets = [wire.receive(ProduceRequest, 9, sent).responses[0].partition_responses[0].base_offset for sent in ids]
    assert offsets == list(range(400))
    assert [int(row.value or b"") for row in records_of(wire.fetch(topic).records)] == list(range(400))


PRODUCE_AND_MAGIC = [(0, 0), (1, 0), (2, 1), (2, 0)]
CODECS = [Compression.NONE, Compression.GZIP, Compression.SNAPPY, Compression.LZ4]


@ours_only
@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(("version", "magic"), PRODUCE_AND_MAGIC)
def test_message_sets_are_converted_up_and_read_by_every_version_of_fetch(
    wire: Wire, topic: str, version: int, magic: int, codec: Compression
) -> None:
    """Kafka 4 serves neither produce v0–2 nor fetch v0–3 any more; clients of 0.9 to 0.11 ask for them."""
    rows = [Record(index, NOW_MS + index, b"k%d" % index, b"v%d" % index) for index in range(3)]

    first = wire.produce(topic, write_message_set(rows, magic, codec), version=version)
    second = wire.produce(topic, write_message_set(rows, magic, codec), version=version)

    assert (first.error_code, first.base_offset) == (0, 0)
    assert (second.error_code, second.base_offset) == (0, 3)
    for fetch_version in (0, 1, 2, 3, 4, 10, 12):
        data = wire.fetch(topic, version=fetch_version).records
        assert data[16] == {0: 0, 1: 0, 2: 1, 3: 1}.get(fetch_version, 2)
        up = data if fetch_version >= 4 else convert_up(data, decompressed_bytes_max=1 << 20)
        found = records_of(up)
        assert [(row.key, row.value) for row in found] == [(row.key, row.value) for row in rows] * 2
        if magic == 1 and fetch_version >= 2:
            assert [row.timestamp for row in found] == [row.timestamp for row in rows] * 2


@ours_only
@pytest.mark.parametrize("version", [0, 1, 2])
def test_a_batch_in_a_version_of_message_sets_is_refused(wire: Wire, topic: str, version: int) -> None:
    assert ErrorCode(wire.produce(topic, GOOD, version=version).error_code) is ErrorCode.INVALID_RECORD
