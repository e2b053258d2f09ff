"""Flink.NET: 50 MiB messages, fifty producers that choose their partitions, snappy with headers, state in a topic."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewPartitions
from harness.broker_process import BrokerProcess
from harness.confluent import DEADLINE_S, create_topic, deliver, poll_until, read_partition, take
from harness.group_members import Members

MESSAGE_BYTES_MAX = 52_428_800
# Everything their application host sets on the broker's container, the JVM's heap included.
BROKER: dict[str, str] = {
    "auto.create.topics.enable": "true",
    "num.partitions": "15",
    "default.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "10",
    "min.insync.replicas": "1",
    "log.retention.hours": "168",
    "log.segment.bytes": "134217728",
    "log.flush.interval.messages": "10000",
    "log.flush.interval.ms": "500",
    "message.max.bytes": str(MESSAGE_BYTES_MAX),
    "replica.fetch.max.bytes": str(MESSAGE_BYTES_MAX),
    "socket.request.max.bytes": "268435456",
    "socket.send.buffer.bytes": "8388608",
    "socket.receive.buffer.bytes": "8388608",
    "group.initial.rebalance.delay.ms": "0",
    "num.io.threads": "64",
    "num.network.threads": "16",
    "num.replica.fetchers": "8",
    "unclean.leader.election.enable": "false",
}
HIGH_THROUGHPUT: dict[str, Any] = {
    "batch.size": 64 * 1024 * 1024,
    "message.max.bytes": MESSAGE_BYTES_MAX,
    "linger.ms": 10,
    "queue.buffering.max.kbytes": 131_072,
    "queue.buffering.max.messages": 10_000_000,
    "socket.send.buffer.bytes": 100_000_000,
    "socket.receive.buffer.bytes": 100_000_000,
    "compression.type": "lz4",
    "enable.idempotence": True,
    "acks": "all",
    "retries": 3,
    "socket.nagle.disable": True,
    "socket.keepalive.enable": True,
}
SCRIPT: dict[str, Any] = {
    "batch.size": 250_000,
    "linger.ms": 0,
    "compression.type": "lz4",
    "max.in.flight.requests.per.connection": 5,
    "enable.idempotence": True,
    "acks": "all",
    "message.timeout.ms": 180_000,
}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    with BrokerProcess(tmp_path_factory.mktemp("flink"), BROKER) as running:
        yield running


def client(broker: BrokerProcess, settings: dict[str, Any]) -> Producer:
    return Producer({"bootstrap.servers": broker.bootstrap, **settings})


def test_a_message_of_nearly_fifty_mebibytes(broker: BrokerProcess, topic: str) -> None:
    """Random bytes, so that lz4 makes none of it go away; one of these per request, and a fetch asks for a megabyte."""
    value = os.urandom(1024) * (MESSAGE_BYTES_MAX // 1024 // 2) + os.urandom(MESSAGE_BYTES_MAX // 2 - 100_000)

    deliver(client(broker, HIGH_THROUGHPUT), topic, [{"value": value, "partition": 0}, {"value": b"", "partition": 0}])

    records = read_partition(broker.bootstrap, topic)
    assert [len(record.value()) for record in records] == [len(value), 0]
    assert records[0].value() == value


def test_fifty_producers_each_writing_to_fifty_partitions_they_choose(broker: BrokerProcess, topic: str) -> None:
    """produce-1-million-messages.ps1, smaller: every partition keeps the order of every producer, nothing twice."""
    create_topic(broker.bootstrap, topic, 50, configs={"retention.ms": "3600000", "segment.ms": "60000"})
    producers = [client(broker, SCRIPT) for _ in range(50)]
    payload = b"x" * 230
    failures: list[object] = []

    for n in range(100):
        for index, producer in enumerate(producers):
            producer.produce(
                topic,
                b"%d:%d:" % (index, n) + payload,
                partition=(index + n) % 50,
                on_delivery=lambda error, message: failures.append(error) if error else None,
            )
            producer.poll(0)
    assert [producer.flush(DEADLINE_S) for producer in producers] == [0] * 50

    assert failures == []
    reader = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": topic, "auto.offset.reset": "earliest"})
    reader.subscribe([topic])
    last: dict[tuple[int, int], int] = {}
    for record in take(reader, 5000):
        index, n, _ = record.value().split(b":")
        place = (record.partition(), int(index))
        assert last.get(place, -1) < int(n), "out of order, or twice"
        last[place] = int(n)
    reader.close()


def test_the_low_latency_profile_and_the_simulators_fire_and_forget(broker: BrokerProcess, topic: str) -> None:
    quick = client(broker, {"batch.size": 1024, "linger.ms": 0, "compression.type": "none", "acks": "1", "retries": 1})
    simulator = client(broker, {"acks": "0", "linger.ms": 5})

    deliver(quick, topic, ({"value": b"q%d" % n, "partition": 0} for n in range(200)))
    deliver(simulator, topic, ({"value": b"s%d" % n, "partition": 1} for n in range(200)))

    assert [record.value() for record in read_partition(broker.bootstrap, topic, 0)] == [b"q%d" % n for n in range(200)]
    reader = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": topic, "auto.offset.reset": "earliest"})
    reader.subscribe([topic])
    values = [record.value() for record in take(reader, 400)]  # those with acks=0 may still be under way
    assert [value for value in values if value.startswith(b"s")] == [b"s%d" % n for n in range(200)]
    reader.close()


def test_snappy_with_four_headers_and_a_commit_per_message(broker: BrokerProcess, topic: str) -> None:
    """LocalTesting.WebApi: the complex logic test's producer and its consumer."""
    settings = {"compression.type": "snappy", "batch.size": 32768, "linger.ms": 5, "acks": "all"}
    headers = [("correlation.id", b"c-1"), ("message.id", b"7"), ("batch.number", b"3"), ("source", b"web")]
    sender = client(broker, {**settings, "enable.idempotence": True})
    deliver(sender, topic, ({"value": b"%d" % n, "headers": headers, "partition": 0} for n in range(30)))
    reading = {
        "bootstrap.servers": broker.bootstrap,
        "group.id": topic,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "session.timeout.ms": 30_000,
        "heartbeat.interval.ms": 10_000,
    }
    first = Consumer(reading)
    first.subscribe([topic])
    for record in take(first, 12):
        assert record.headers() == headers
        first.commit(record, asynchronous=False)
    first.close()

    second = Consumer(reading)
    second.subscribe([topic])

    assert [int(record.value()) for record in take(second, 18)] == list(range(12, 30))
    second.close()


def test_state_kept_in_a_compacted_topic_is_read_back_by_a_read_committed_consumer(
    broker: BrokerProcess, topic: str
) -> None:
    """KafkaRateLimiterStateStorage: the last value of each key is the state."""
    create_topic(broker.bootstrap, topic, 3, configs={"cleanup.policy": "compact"})
    sender = client(broker, {"acks": "all", "enable.idempotence": True, "compression.type": "lz4"})
    deliver(sender, topic, ({"key": b"limiter-%d" % (n % 7), "value": b"%d" % n} for n in range(700)))
    deliver(sender, topic, [{"key": b"limiter-3", "value": None}])

    state: dict[bytes, bytes] = {}
    for partition in range(3):
        for record in read_partition(broker.bootstrap, topic, partition, isolation_level="read_committed"):
            if record.value() is None:
                state.pop(record.key(), None)
            else:
                state[record.key()] = record.value()

    assert state == {b"limiter-%d" % n: b"%d" % (693 + n) for n in range(7) if n != 3}


def test_partitions_double_while_records_are_produced(broker: BrokerProcess, topic: str) -> None:
    create_topic(broker.bootstrap, topic, 50)
    sender = client(broker, {**SCRIPT, "topic.metadata.refresh.interval.ms": 200})
    deliver(sender, topic, ({"value": b"x", "partition": n} for n in range(50)))

    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    admin.create_partitions([NewPartitions(topic, 100)])[topic].result(DEADLINE_S)

    fresh = client(broker, SCRIPT)
    deliver(fresh, topic, ({"value": b"y", "partition": n} for n in range(100)))
    assert len(read_partition(broker.bootstrap, topic, 99)) == 1
    assert len(read_partition(broker.bootstrap, topic, 0)) == 2


def test_consumers_join_and_leave_under_load_and_nothing_is_lost(broker: BrokerProcess, topic: str) -> None:
    """The rebalancing feature: cooperative-sticky, one more consumer early on, one fewer later."""
    create_topic(broker.bootstrap, topic, 12)
    sender = client(broker, SCRIPT)

    def produce(begin: int, end: int) -> None:
        deliver(sender, topic, ({"value": b"%d" % n, "partition": n % 12} for n in range(begin, end)))

    seen: set[int] = set()
    with Members(broker.bootstrap, topic, topic, partition_assignment_strategy="cooperative-sticky") as members:
        members.join("a", enable_auto_commit=True, auto_commit_interval_ms=100)
        produce(0, 1000)
        members.join("b", enable_auto_commit=True, auto_commit_interval_ms=100)
        produce(1000, 3000)
        members.until(lambda: members.cover(12))
        gone = members.leave("a")
        seen.update(int(record.value()) for record in gone.records)
        produce(3000, 4000)

        members.until(lambda: len(seen | {int(record.value()) for record in members.records()}) == 4000)


def test_ten_in_a_hundred_go_to_the_dead_letter_queue_and_none_is_missing(broker: BrokerProcess, topic: str) -> None:
    """The reliability feature, 1:1000: one in ten fails; what arrives in both topics is exactly what was sent."""
    reader = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": topic, "auto.offset.reset": "earliest"})
    sender = client(broker, SCRIPT)
    deliver(sender, topic, ({"value": b"%d" % n} for n in range(1000)))
    reader.subscribe([topic])
    handled: list[bytes] = []

    def handle(record: Any) -> None:
        handled.append(record.value())
        target = f"{topic}.dlq" if int(record.value()) % 10 == 0 else f"{topic}.out"
        sender.produce(target, record.value(), partition=0)
        sender.poll(0)

    poll_until(reader, lambda: len(handled) == 1000, handle)
    assert sender.flush(DEADLINE_S) == 0
    reader.close()

    failed = {int(record.value()) for record in read_partition(broker.bootstrap, f"{topic}.dlq")}
    passed = {int(record.value()) for record in read_partition(broker.bootstrap, f"{topic}.out")}
    assert (len(failed), len(passed)) == (100, 900)
    assert failed | passed == set(range(1000))
