"""What tests do with confluent-kafka (librdkafka): produce and hear of each record, consume until a number is there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

# Long enough for a machine that is busy with other tests; reached only by a failing test.
DEADLINE_S = 30.0
POLL_S = 0.2


def producer(bootstrap: str, **settings: Any) -> Producer:
    """Settings in librdkafka's words, with underscores for dots."""
    return Producer({"bootstrap.servers": bootstrap, **dotted(settings)})


def consumer(bootstrap: str, **settings: Any) -> Consumer:
    """Reads from the beginning, commits nothing by itself, and checks the CRC of every batch."""
    defaults = {
        "bootstrap.servers": bootstrap,
        "group.id": "none",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "check.crcs": True,
        "fetch.wait.max.ms": 100,
        # A subscription to a topic that comes later is looked at again this soon.
        "topic.metadata.refresh.interval.ms": 500,
    }
    return Consumer({**defaults, **dotted(settings)})


def dotted(settings: dict[str, Any]) -> dict[str, Any]:
    return {name.replace("_", "."): value for name, value in settings.items()}


def deliver(client: Producer, topic: str, records: Iterable[dict[str, Any]]) -> list[Message]:
    """Produce `records` (arguments of Producer.produce) and return their delivery reports, in order of delivery."""
    reports: list[Message] = []

    def delivered(error: KafkaError | None, message: Message) -> None:
        if error is not None:
            raise KafkaException(error)
        reports.append(message)

    expected = 0
    for record in records:
        client.produce(topic, on_delivery=delivered, **record)
        client.poll(0)
        expected += 1
    left = client.flush(DEADLINE_S)
    assert left == 0, f"{left} records were neither delivered nor refused"
    assert len(reports) == expected
    return reports


def delivery_error(client: Producer, topic: str, **record: Any) -> KafkaError:
    """Why the broker refused this one record."""
    errors: list[KafkaError | None] = []
    client.produce(topic, on_delivery=lambda error, message: errors.append(error), **record)
    assert client.flush(DEADLINE_S) == 0
    assert errors[0] is not None, "the record was taken"
    return errors[0]


def take(client: Consumer, count: int, *, deadline_s: float = DEADLINE_S) -> list[Message]:
    """Poll until `count` records are here; any error but an end of partition fails the test."""
    records: list[Message] = []
    poll_until(client, lambda: len(records) >= count, records.append, deadline_s=deadline_s)
    return records


def poll_until(
    client: Consumer,
    done: Callable[[], bool],
    on_record: Callable[[Message], object] = lambda message: None,
    *,
    deadline_s: float = DEADLINE_S,
) -> None:
    """Poll, which also serves the group's callbacks, until `done`."""
    deadline = time.monotonic() + deadline_s
    while not done():
        assert time.monotonic() < deadline, f"not within {deadline_s} s"
        message = client.poll(POLL_S)
        if message is None:
            continue
        error = message.error()
        if error is None:
            on_record(message)
        elif error.code() != KafkaError._PARTITION_EOF:
            raise KafkaException(error)


def read_partition(bootstrap: str, topic: str, partition: int = 0, **settings: Any) -> list[Message]:
    """Every record of a partition, from its beginning to the end that the broker reports."""
    client = consumer(bootstrap, enable_partition_eof=True, **settings)
    records: list[Message] = []
    try:
        client.assign([TopicPartition(topic, partition, OFFSET_BEGINNING)])
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            message = client.poll(POLL_S)
            if message is None:
                continue
            error = message.error()
            if error is None:
                records.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                return records
            else:
                raise KafkaException(error)
    finally:
        client.close()
    raise AssertionError(f"{topic}-{partition} had no end within {DEADLINE_S} s")


def create_topic(bootstrap: str, topic: str, partitions: int = 1, *, configs: Mapping[str, str] | None = None) -> None:
    client = AdminClient({"bootstrap.servers": bootstrap})
    new = NewTopic(topic, num_partitions=partitions, replication_factor=1, config=dict(configs or {}))
    client.create_topics([new])[topic].result(DEADLINE_S)
