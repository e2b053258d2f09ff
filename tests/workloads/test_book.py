"""The book's chapter on a Kafka consumer: exact ends of partitions, round-robin, as many consumers as partitions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError
from harness.broker_process import BrokerProcess
from harness.confluent import DEADLINE_S, create_topic, deliver, producer

# Its consumer, as the chapter has it.
CONSUMER: dict[str, Any] = {
    "auto.offset.reset": "earliest",
    "enable.auto.commit": False,
    "enable.partition.eof": True,
    "allow.auto.create.topics": False,
    "fetch.max.bytes": 10_485_760,
    "max.partition.fetch.bytes": 1_048_576,
    "fetch.wait.max.ms": 100,
    "max.poll.interval.ms": 300_000,
    "session.timeout.ms": 30_000,
    "heartbeat.interval.ms": 5_000,
    "statistics.interval.ms": 60_000,
    "reconnect.backoff.max.ms": 5_000,
    "partition.assignment.strategy": "roundrobin",
}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    """Its cheat sheet, as far as one node can follow it; topics are made by hand alone."""
    settings = {
        "num.network.threads": "3",
        "num.io.threads": "8",
        "log.retention.hours": "168",
        "log.segment.bytes": "1073741824",
        "log.retention.check.interval.ms": "300000",
        "log.flush.interval.messages": "10000",
        "log.flush.interval.ms": "1000",
        "replica.fetch.max.bytes": "1048576",
        "replica.fetch.wait.max.ms": "500",
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": "3000",
    }
    with BrokerProcess(tmp_path_factory.mktemp("book"), settings) as running:
        yield running


def book_consumer(broker: BrokerProcess, group: str, **settings: Any) -> Consumer:
    return Consumer({"bootstrap.servers": broker.bootstrap, "group.id": group, **CONSUMER, **settings})


def poll_all(consumers: list[Consumer], on_message: Callable[[int, Any], None], done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 2 * DEADLINE_S
    while not done():
        assert time.monotonic() < deadline
        for index, consumer in enumerate(consumers):
            message = consumer.poll(0.002)
            if message is not None:
                on_message(index, message)


def test_its_producer_and_its_consumer_to_the_end_of_every_partition(broker: BrokerProcess, topic: str) -> None:
    create_topic(broker.bootstrap, topic, 3)
    settings = {"enable_idempotence": True, "acks": "all", "retries": 5, "linger_ms": 20, "batch_size": 32768}
    deliver(
        producer(broker.bootstrap, **settings), topic, ({"value": b"%d" % n, "partition": n % 2} for n in range(100))
    )
    reader = book_consumer(broker, topic)
    reader.subscribe([topic])
    ends: dict[int, int] = {}
    values: list[int] = []

    def note(index: int, message: Any) -> None:
        if message.error() is None:
            values.append(int(message.value()))
            return
        assert message.error().code() == KafkaError._PARTITION_EOF
        ends[message.partition()] = message.offset()

    poll_all([reader], note, lambda: len(ends) == 3)

    assert ends == {0: 50, 1: 50, 2: 0}
    assert sorted(values) == list(range(100))
    reader.commit(asynchronous=False)
    reader.close()


def test_a_topic_that_nobody_made_is_an_error_at_once(broker: BrokerProcess, topic: str) -> None:
    reader = book_consumer(broker, topic)
    reader.subscribe([topic])

    told = reader.poll(DEADLINE_S)

    assert told is not None
    assert told.error().code() == KafkaError.UNKNOWN_TOPIC_OR_PART
    reader.close()


def test_a_hundred_consumers_on_a_hundred_partitions_have_one_each(broker: BrokerProcess, topic: str) -> None:
    """The group gathers for group.initial.rebalance.delay.ms, and then shares a hundred partitions out at once."""
    create_topic(broker.bootstrap, topic, 100)
    # A process of a hundred librdkafka clients: nothing here needs their bootstrap connections.
    consumers = [book_consumer(broker, topic) for _ in range(100)]
    for consumer in consumers:
        consumer.subscribe([topic])
    deliver(producer(broker.bootstrap), topic, ({"value": b"%d" % n, "partition": n} for n in range(100)))
    seen: dict[int, int] = {}

    def note(index: int, message: Any) -> None:
        if message.error() is None:
            seen[int(message.value())] = index

    def one_each() -> bool:
        return len(seen) == 100 and all(len(consumer.assignment()) == 1 for consumer in consumers)

    poll_all(consumers, note, one_each)

    owned = sorted(consumer.assignment()[0].partition for consumer in consumers)
    assert owned == list(range(100))
    for consumer in consumers:
        consumer.unsubscribe()
    for consumer in consumers:
        consumer.close()
