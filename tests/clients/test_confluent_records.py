"""confluent-kafka (librdkafka): records of every kind go in and come out as they were."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import TIMESTAMP_CREATE_TIME, TIMESTAMP_LOG_APPEND_TIME, KafkaError, KafkaException
from harness.broker_process import BrokerProcess
from harness.confluent import (
    consumer,
    create_topic,
    deliver,
    delivery_error,
    poll_until,
    producer,
    read_partition,
    take,
)

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


@pytest.mark.parametrize("acks", ["0", "1", "all"])
@pytest.mark.parametrize("codec", CODECS)
def test_every_codec_at_every_acks(broker: BrokerProcess, topic: str, codec: str, acks: str) -> None:
    values = [b"payload-%d-" % n * 20 for n in range(50)]
    client = producer(broker.bootstrap, compression_type=codec, acks=acks, linger_ms=20)

    reports = deliver(client, topic, ({"value": value} for value in values))

    if acks != "0":  # with acks=0 nobody tells the client an offset
        assert [report.offset() for report in reports] == list(range(50))
    reader = consumer(broker.bootstrap)
    reader.subscribe([topic])
    assert [record.value() for record in take(reader, 50)] == values
    reader.close()


@pytest.mark.parametrize("codec", CODECS)
def test_idempotent_records_are_there_once_and_in_order(broker: BrokerProcess, topic: str, codec: str) -> None:
    client = producer(broker.bootstrap, enable_idempotence=True, compression_type=codec, batch_num_messages=7)

    reports = deliver(client, topic, ({"value": b"%d" % n} for n in range(300)))

    assert [report.offset() for report in reports] == list(range(300))
    records = read_partition(broker.bootstrap, topic)
    assert [int(record.value()) for record in records] == list(range(300))


@pytest.mark.parametrize("isolation_level", ["read_uncommitted", "read_committed"])
def test_megabytes_come_back_as_they_were(broker: BrokerProcess, topic: str, isolation_level: str) -> None:
    """Long answers go from the segment's file to the socket; the client checks every batch. At one segment a megabyte
    many of them end with their segment."""
    create_topic(broker.bootstrap, topic, configs={"segment.bytes": str(1 << 20)})
    values = [b"%d-" % number * (1 + number % 300) for number in range(8000)]
    deliver(producer(broker.bootstrap, linger_ms=5), topic, ({"value": value} for value in values))

    found = read_partition(broker.bootstrap, topic, check_crcs=True, isolation_level=isolation_level)

    assert [record.offset() for record in found] == list(range(8000))
    assert [record.value() for record in found] == values


def test_keys_values_and_headers_may_be_null_or_empty(broker: BrokerProcess, topic: str) -> None:
    sent: list[dict[str, Any]] = [
        {"key": None, "value": None},
        {"key": b"", "value": b""},
        {"key": b"k", "value": None},
        {"key": None, "value": b"v"},
        {"value": b"h", "headers": [("a", b"1"), ("empty", b""), ("null", None), ("a", b"twice")]},
    ]
    create_topic(broker.bootstrap, topic)

    deliver(producer(broker.bootstrap), topic, sent)

    records = read_partition(broker.bootstrap, topic)
    assert [(record.key(), record.value()) for record in records] == [
        (None, None),
        (b"", b""),
        (b"k", None),
        (None, b"v"),
        (None, b"h"),
    ]
    assert records[4].headers() == [("a", b"1"), ("empty", b""), ("null", None), ("a", b"twice")]
    assert not records[3].headers()


def test_a_timestamp_is_kept_as_the_producer_gave_it(broker: BrokerProcess, topic: str) -> None:
    now_ms = int(time.time() * 1000)
    timestamps = [now_ms, now_ms - 86_400_000, now_ms - 5]

    deliver(producer(broker.bootstrap), topic, ({"value": b"x", "timestamp": stamp} for stamp in timestamps))

    records = read_partition(broker.bootstrap, topic)
    assert [record.timestamp() for record in records] == [(TIMESTAMP_CREATE_TIME, stamp) for stamp in timestamps]


@pytest.mark.parametrize("codec", CODECS)
def test_with_log_append_time_the_broker_stamps(broker: BrokerProcess, topic: str, codec: str) -> None:
    create_topic(broker.bootstrap, topic, configs={"message.timestamp.type": "LogAppendTime"})
    before_ms = int(time.time() * 1000)
    client = producer(broker.bootstrap, compression_type=codec)

    reports = deliver(client, topic, [{"value": b"x", "timestamp": 1_000}, {"value": b"y", "timestamp": 2_000}])

    records = read_partition(broker.bootstrap, topic)
    for record, report in zip(records, reports, strict=True):
        kind, stamp = record.timestamp()
        assert kind == TIMESTAMP_LOG_APPEND_TIME
        assert stamp >= before_ms
        assert report.timestamp()[1] == stamp


@pytest.mark.parametrize("codec", ["none", "lz4", "zstd"])
def test_a_message_of_many_megabytes(broker: BrokerProcess, topic: str, codec: str) -> None:
    create_topic(broker.bootstrap, topic, configs={"max.message.bytes": "12582912"})
    value = bytes(range(256)) * (10 * 1024 * 1024 // 256)
    client = producer(broker.bootstrap, compression_type=codec, message_max_bytes=12_000_000)

    deliver(client, topic, [{"value": value}, {"value": b"small"}])

    # A batch above fetch.message.max.bytes comes all the same: at least one is always given.
    records = read_partition(broker.bootstrap, topic, fetch_message_max_bytes=1_000_000)
    assert [record.value() for record in records] == [value, b"small"]


def test_a_message_that_is_too_large_is_refused_and_the_next_is_taken(broker: BrokerProcess, topic: str) -> None:
    create_topic(broker.bootstrap, topic, configs={"max.message.bytes": "1000"})
    client = producer(broker.bootstrap)

    error = delivery_error(client, topic, value=b"x" * 2000)

    assert error.code() == KafkaError.MSG_SIZE_TOO_LARGE
    assert not error.retriable()
    deliver(client, topic, [{"value": b"x" * 500}])
    assert len(read_partition(broker.bootstrap, topic)) == 1


def test_five_requests_in_flight_keep_their_order_without_idempotence(broker: BrokerProcess, topic: str) -> None:
    settings = {"max.in.flight.requests.per.connection": 5, "batch.num.messages": 1, "acks": "1", "linger.ms": 0}
    client = producer(broker.bootstrap, **settings)

    reports = deliver(client, topic, ({"value": b"%d" % n} for n in range(500)))

    assert [int(report.value()) for report in reports] == list(range(500))
    assert [int(record.value()) for record in read_partition(broker.bootstrap, topic)] == list(range(500))


@pytest.mark.parametrize("version", ["0.9.0.1", "0.10.0.0", "0.11.0.0", "1.0.0", "2.4.0"])
def test_a_client_that_asks_for_no_api_versions_and_guesses(broker: BrokerProcess, topic: str, version: str) -> None:
    """`api.version.request=false` with a fallback: the client uses what that Kafka had, message sets included."""
    fallback = {"api_version_request": False, "broker_version_fallback": version}
    codec = "gzip" if version < "0.10" else "lz4"
    client = producer(broker.bootstrap, compression_type=codec, **fallback)

    deliver(client, topic, ({"value": b"value-%d" % n, "key": b"k"} for n in range(20)))

    reader = consumer(broker.bootstrap, group_id=topic, **fallback)
    reader.subscribe([topic])
    records = take(reader, 20)
    assert [record.value() for record in records] == [b"value-%d" % n for n in range(20)]
    reader.commit(asynchronous=False)
    reader.close()
    # And a client of today reads the same.
    assert [record.value() for record in read_partition(broker.bootstrap, topic)] == [
        b"value-%d" % n for n in range(20)
    ]


def test_an_unknown_topic_is_an_error_where_topics_are_not_made_by_use(
    topic: str, start_broker: Callable[..., BrokerProcess]
) -> None:
    running = start_broker({"auto.create.topics.enable": "false"})

    error = delivery_error(producer(running.bootstrap, topic_metadata_propagation_max_ms=100), topic, value=b"x")

    assert error.code() in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC)
    reader = consumer(running.bootstrap, allow_auto_create_topics=True)
    reader.subscribe([topic])
    errors: list[KafkaError] = []
    deadline = time.monotonic() + 20
    while not errors and time.monotonic() < deadline:
        message = reader.poll(0.2)
        if message is not None and message.error() is not None:
            errors.append(message.error())
    reader.close()
    assert [error.code() for error in errors] == [KafkaError.UNKNOWN_TOPIC_OR_PART]


def test_the_end_of_a_partition_is_told_with_its_offset(broker: BrokerProcess, topic: str) -> None:
    """`enable.partition.eof` needs the exact high watermark in every fetch response, empty ones included."""
    create_topic(broker.bootstrap, topic, 3)
    client = producer(broker.bootstrap)
    for partition, count in enumerate([0, 1, 5]):
        deliver(client, topic, [{"value": b"x", "partition": partition}] * count)
    reader = consumer(broker.bootstrap, enable_partition_eof=True)
    ends: dict[int, int] = {}
    reader.subscribe([topic])

    deadline = time.monotonic() + 20
    while len(ends) < 3 and time.monotonic() < deadline:
        message = reader.poll(0.2)
        if message is not None and message.error() is not None:
            assert message.error().code() == KafkaError._PARTITION_EOF
            ends[message.partition()] = message.offset()
    assert ends == {0: 0, 1: 1, 2: 5}

    # One more record, and the end is told again, one further.
    deliver(client, topic, [{"value": b"x", "partition": 2}])
    ends.clear()
    while 2 not in ends and time.monotonic() < deadline:
        message = reader.poll(0.2)
        if message is not None and message.error() is not None:
            ends[message.partition()] = message.offset()
    assert ends == {2: 6}
    reader.close()


def test_two_consumers_of_one_session_each_see_all(broker: BrokerProcess, topic: str) -> None:
    create_topic(broker.bootstrap, topic, 4)
    readers = [consumer(broker.bootstrap, group_id=f"{topic}-{n}") for n in range(2)]
    for reader in readers:
        reader.subscribe([topic])

    deliver(producer(broker.bootstrap), topic, ({"value": b"%d" % n, "partition": n % 4} for n in range(40)))

    for reader in readers:
        seen: set[int] = set()
        poll_until(reader, lambda seen=seen: len(seen) == 40, lambda record, seen=seen: seen.add(int(record.value())))  # type: ignore[misc]
        reader.close()


def test_a_transactional_producer_is_told_the_reason(broker: BrokerProcess, topic: str) -> None:
    client = producer(broker.bootstrap, transactional_id=topic)
    with pytest.raises(KafkaException) as refused:
        client.init_transactions(2)
    assert refused.value.args[0].code() == KafkaError.UNSUPPORTED_VERSION
