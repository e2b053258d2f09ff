"""Compaction and retention in a running broker: what they take away, and what they never do."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from harness.broker_process import BrokerProcess, StartBroker

QUICK = {
    "log.cleaner.backoff.ms": "50",
    "log.retention.check.interval.ms": "50",
    "log.flush.offset.checkpoint.interval.ms": "100",
    "log.segment.delete.delay.ms": "0",
}
DEADLINE_S = 60.0


def create(broker: BrokerProcess, topic: str, config: dict[str, str]) -> None:
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    admin.create_topics([NewTopic(topic, 1, 1, config=config)])[topic].result(30)


def producer_of(broker: BrokerProcess) -> Producer:
    return Producer({"bootstrap.servers": broker.bootstrap, "enable.idempotence": True, "linger.ms": 0})


def produce(producer: Producer, topic: str, records: Sequence[tuple[str, str | None]]) -> None:
    for key, value in records:
        producer.produce(topic, key=key, value=value)
    assert producer.flush(30) == 0


def read_all(broker: BrokerProcess, topic: str) -> list[tuple[int, str, str | None]]:
    """(offset, key, value) of everything below the high watermark."""
    consumer = Consumer(
        {
            "bootstrap.servers": broker.bootstrap,
            "group.id": "reader",
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
        }
    )
    low, high = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)
    consumer.assign([TopicPartition(topic, 0, low)])
    found: list[tuple[int, str, str | None]] = []
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        message = consumer.poll(1.0)
        if message is None:
            continue
        if message.error():  # the end of the partition
            break
        value = message.value()
        found.append((message.offset(), message.key().decode(), None if value is None else value.decode()))
    consumer.close()
    assert high >= 0
    return found


def segments(broker: BrokerProcess, topic: str) -> list[Path]:
    return sorted((broker.data_directory / f"{topic}-0").glob("*.log"))


def test_compaction_keeps_the_latest_value_of_each_key_at_its_offset(start_broker: StartBroker) -> None:
    broker = start_broker(QUICK)
    create(
        broker,
        "state",
        {"cleanup.policy": "compact", "internal.segment.bytes": "20000", "min.cleanable.dirty.ratio": "0.01"},
    )
    rounds = [[(f"key-{n}", f"round-{r}-{'x' * 100}") for n in range(50)] for r in range(20)]
    producer = producer_of(broker)
    for records in rounds:
        produce(producer, "state", records)
    before = {(offset, key) for offset, key, _ in read_all(broker, "state")}
    deadline = time.monotonic() + DEADLINE_S
    found = read_all(broker, "state")
    while len(found) > 500 and time.monotonic() < deadline:
        found = read_all(broker, "state")
    assert len(found) <= 500, broker.log_text()[-2000:]
    assert {key: value for _, key, value in found} == dict(rounds[-1])
    assert {(offset, key) for offset, key, _ in found} <= before
    broker.kill()
    broker.start()
    assert {key: value for _, key, value in read_all(broker, "state")} == dict(rounds[-1])


def test_retention_by_size_deletes_old_segments_and_their_files(start_broker: StartBroker) -> None:
    broker = start_broker(QUICK)
    create(broker, "trimmed", {"internal.segment.bytes": "20000", "retention.bytes": "40000"})
    producer = producer_of(broker)
    for _ in range(30):
        produce(producer, "trimmed", [("k", "x" * 1000) for _ in range(10)])
    deadline = time.monotonic() + DEADLINE_S
    while len(segments(broker, "trimmed")) > 4 and time.monotonic() < deadline:
        produce(producer, "trimmed", [("k", "x" * 1000)])
    assert len(segments(broker, "trimmed")) <= 4, broker.log_text()[-2000:]
    found = read_all(broker, "trimmed")
    assert found[-1][0] >= 299
    assert found[0][0] > 0
    broker.kill()
    broker.start()
    # A start that retention moved is no promise: the kill may bring back what was about to be deleted, and no more.
    again = read_all(broker, "trimmed")
    assert again[-1] == found[-1]
    assert 0 < again[0][0] <= found[0][0]


def test_a_journal_that_grows_goes_on_in_a_prepared_segment(start_broker: StartBroker) -> None:
    broker = start_broker({**QUICK, "journal.profile": "low", "log.flush.offset.checkpoint.interval.ms": "600000"})
    create(broker, "state", {})
    producer = producer_of(broker)
    journal = broker.data_directory / "journal"
    produce(producer, "state", [("key", "x" * 10_000)] * 30)
    deadline = time.monotonic() + DEADLINE_S
    while len(list(journal.glob("*.wal"))) == 1 and time.monotonic() < deadline:
        produce(producer, "state", [("key", "little, so that the segment does not become full")])
    written, prepared = sorted(journal.glob("*.wal"))
    assert written.stat().st_size < prepared.stat().st_size == 16 * 1024 * 1024
