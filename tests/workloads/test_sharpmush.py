"""SharpMUSH: a game server's message queue over Confluent.Kafka, with its producer's and its consumers' settings."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from harness.broker_process import BrokerProcess
from harness.confluent import DEADLINE_S, deliver, read_partition, take
from kafka import KafkaConsumer, TopicPartition

MESSAGE_BYTES_MAX = 6 * 1024 * 1024
PRODUCER: dict[str, Any] = {
    "compression.type": "lz4",
    "batch.size": 32768,
    "linger.ms": 5,
    "acks": "1",
    "enable.idempotence": False,
    "max.in.flight.requests.per.connection": 5,
    "message.max.bytes": MESSAGE_BYTES_MAX,
    "socket.keepalive.enable": True,
    "queue.buffering.max.messages": 100_000,
    "queue.buffering.max.kbytes": 1_048_576,
    "allow.auto.create.topics": True,
}
CONSUMER: dict[str, Any] = {
    "auto.offset.reset": "latest",
    "enable.auto.commit": True,
    "enable.auto.offset.store": False,
    "session.timeout.ms": 30_000,
    "max.poll.interval.ms": 300_000,
    "fetch.max.bytes": MESSAGE_BYTES_MAX,
    "message.max.bytes": MESSAGE_BYTES_MAX,
    "fetch.min.bytes": 1,
    "fetch.wait.max.ms": 100,
    "allow.auto.create.topics": True,
    # Not theirs: a topic that does not exist yet is looked for sooner than every five minutes.
    "topic.metadata.refresh.interval.ms": 300,
}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    """Their compose file: one node, a message limit of 6 MiB, one partition a topic so that order is global."""
    settings = {"message.max.bytes": str(MESSAGE_BYTES_MAX), "num.partitions": "1"}
    with BrokerProcess(tmp_path_factory.mktemp("sharpmush"), settings) as running:
        yield running


@pytest.fixture
def producer(broker: BrokerProcess) -> Producer:
    return Producer({"bootstrap.servers": broker.bootstrap, **PRODUCER})


def subscribed(broker: BrokerProcess, group: str, topic: str, **settings: Any) -> Consumer:
    client = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": group, **CONSUMER, **settings})
    client.subscribe([topic])
    return client


def test_five_requests_in_flight_without_idempotence_stay_in_order(
    broker: BrokerProcess, producer: Producer, topic: str
) -> None:
    """They went down to one request in flight because their broker let pipelined batches overtake each other."""
    reports = deliver(producer, topic, ({"value": b"%d" % n * 50} for n in range(5000)))

    assert [report.offset() for report in reports] == list(range(5000))
    values = [record.value() for record in read_partition(broker.bootstrap, topic)]
    assert values == [b"%d" % n * 50 for n in range(5000)]


def test_a_producer_makes_the_topic_with_the_default_number_of_partitions(
    broker: BrokerProcess, producer: Producer, topic: str
) -> None:
    deliver(producer, topic, [{"value": b"x"}])

    assert len(producer.list_topics(topic, timeout=DEADLINE_S).topics[topic].partitions) == 1


def test_a_consumer_subscribes_before_the_topic_exists(broker: BrokerProcess, producer: Producer, topic: str) -> None:
    """Their consumers started first and died of an unknown topic; a delay, then creating topics up front, hid it.

    librdkafka asks about a subscription without leave to create it, whatever allow.auto.create.topics says; it must
    be told at once, and find the topic soon after a producer has made it.
    """
    reader = subscribed(broker, topic, topic, **{"auto.offset.reset": "earliest"})
    told = reader.poll(DEADLINE_S)
    assert told is not None
    assert told.error().code() == KafkaError.UNKNOWN_TOPIC_OR_PART
    assert not told.error().fatal()

    deliver(producer, topic, [{"value": b"first"}])

    assert [record.value() for record in take(reader, 1)] == [b"first"]
    reader.close()


def test_a_consumer_that_may_create_the_topic_does(broker: BrokerProcess, topic: str) -> None:
    """AllowAutoCreateTopics on the consumer, by a client that passes it on for its subscription."""
    reader = KafkaConsumer(topic, bootstrap_servers=broker.bootstrap, group_id=topic)
    deadline = time.monotonic() + DEADLINE_S

    while not reader.assignment():
        assert time.monotonic() < deadline
        # Longer than a rebalance: kafka-python 3.0.12 loses an assignment that arrives between two polls.
        reader.poll(timeout_ms=2000)

    assert reader.assignment() == {TopicPartition(topic, 0)}
    reader.close()


def test_a_message_of_six_mebibytes(broker: BrokerProcess, producer: Producer, topic: str) -> None:
    """lz4 or not, the largest message they allow goes through, and is fetched with fetch.max.bytes just as large."""
    value = bytes(n * 7 % 251 for n in range(1024)) * (MESSAGE_BYTES_MAX // 1024 - 1)

    deliver(producer, topic, [{"value": value}, {"value": b"next"}])

    reader = subscribed(broker, topic, topic, **{"auto.offset.reset": "earliest"})
    assert [record.value() for record in take(reader, 2)] == [value, b"next"]
    reader.close()


def test_stored_offsets_are_committed_and_a_restarted_consumer_goes_on(
    broker: BrokerProcess, producer: Producer, topic: str
) -> None:
    """AutoOffsetReset.Latest, StoreOffset after processing: nothing processed comes again, nothing new is missed."""
    deliver(producer, topic, [{"value": b"before"}])
    first = subscribed(broker, topic, topic, **{"enable.partition.eof": True})
    at_end = first.poll(DEADLINE_S)
    assert at_end is not None
    assert (at_end.error().code(), at_end.offset()) == (KafkaError._PARTITION_EOF, 1)
    deliver(producer, topic, [{"value": b"a"}, {"value": b"b"}, {"value": b"c"}])
    records = take(first, 3)
    assert [record.value() for record in records] == [b"a", b"b", b"c"]
    first.store_offsets(records[1])
    first.close()
    deliver(producer, topic, [{"value": b"d"}])

    second = subscribed(broker, topic, topic)

    assert [record.value() for record in take(second, 2)] == [b"c", b"d"]
    second.close()


def test_ten_topics_each_with_a_consumer_of_the_same_group(
    broker: BrokerProcess, producer: Producer, topic: str
) -> None:
    """One group id, one consumer a topic, all in one process: members of one group with different subscriptions."""
    topics = [f"{topic}.{n}" for n in range(10)]
    for name in topics:
        deliver(producer, name, [{"value": name.encode()}])
    readers = {name: subscribed(broker, topic, name, **{"auto.offset.reset": "earliest"}) for name in topics}
    seen: dict[str, bytes] = {}

    deadline = time.monotonic() + DEADLINE_S
    while len(seen) < len(topics) and time.monotonic() < deadline:
        for name, reader in readers.items():
            message = reader.poll(0.02)
            if message is not None and message.error() is None:
                assert message.topic() == name
                seen[name] = message.value()

    assert seen == {name: name.encode() for name in topics}
    for reader in readers.values():
        reader.close()


def test_a_thousand_publishes_each_awaited_and_a_hundred_at_once(broker: BrokerProcess, topic: str) -> None:
    """Their @dolist benchmark: one publish after the other, then a hundred together; every one is there after it."""
    client = Producer({"bootstrap.servers": broker.bootstrap, **PRODUCER, "linger.ms": 0})

    for n in range(1000):
        [report] = deliver(client, topic, [{"value": b"%d" % n}])
        assert report.offset() == n
    deliver(client, topic, ({"value": b"%d" % n} for n in range(1000, 1100)))

    values = [int(record.value()) for record in read_partition(broker.bootstrap, topic)]
    assert values == list(range(1100))


def test_topics_are_created_with_their_configs_and_existing_ones_are_told_apart(
    broker: BrokerProcess, topic: str
) -> None:
    """TOPIC_ALREADY_EXISTS is control flow for them: every start creates all topics again."""
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    configs = {"max.message.bytes": str(MESSAGE_BYTES_MAX), "compression.type": "lz4"}
    new = NewTopic(topic, num_partitions=1, replication_factor=1, config=configs)
    admin.create_topics([new])[topic].result(DEADLINE_S)

    with pytest.raises(KafkaException) as refused:
        admin.create_topics([new])[topic].result(DEADLINE_S)

    assert refused.value.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS
    assert topic in admin.list_topics(timeout=5).topics
    admin.delete_topics([topic])[topic].result(DEADLINE_S)
    assert topic not in admin.list_topics(timeout=5).topics


def test_idempotence_with_one_acknowledgement_is_refused_by_the_client_itself(broker: BrokerProcess) -> None:
    """The settings as first written; no broker ever sees them."""
    with pytest.raises(KafkaException):
        Producer({"bootstrap.servers": broker.bootstrap, **PRODUCER, "enable.idempotence": True, "acks": "1"})
