"""kafka-python 3.x: a client whose whole protocol is Python produces, consumes, commits and seeks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from harness.broker_process import BrokerProcess
from kafka import KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.errors import KafkaError, MessageSizeTooLargeError, OffsetOutOfRangeError

CODECS = [None, "gzip", "snappy", "lz4", "zstd"]
DEADLINE_S = 30.0
# It loses an assignment that arrives between two polls (3.0.12), so a poll must outlast a rebalance.
POLL_MS = 3000


class Clients:
    """kafka-python's clients of one broker; all are closed after the test."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self._open: list[Any] = []

    def producer(self, **settings: Any) -> Any:
        self._open.append(KafkaProducer(bootstrap_servers=self.bootstrap, **settings))
        return self._open[-1]

    def consumer(self, *topics: str, **settings: Any) -> Any:
        defaults = {"auto_offset_reset": "earliest", "enable_auto_commit": False, "fetch_max_wait_ms": 100}
        self._open.append(KafkaConsumer(*topics, bootstrap_servers=self.bootstrap, **{**defaults, **settings}))
        return self._open[-1]

    def close(self) -> None:
        for client in self._open:
            client.close()


@pytest.fixture
def clients(broker: BrokerProcess) -> Iterator[Clients]:
    running = Clients(broker.bootstrap)
    yield running
    running.close()


def send_all(producer: Any, topic: str, values: list[bytes | None], **arguments: Any) -> list[Any]:
    futures = [producer.send(topic, value=value, **arguments) for value in values]
    producer.flush(DEADLINE_S)
    return [future.get(DEADLINE_S) for future in futures]


def take(consumer: Any, count: int) -> list[Any]:
    records: list[Any] = []
    deadline = time.monotonic() + DEADLINE_S
    while len(records) < count:
        assert time.monotonic() < deadline, f"{len(records)} of {count} records"
        for batch in consumer.poll(timeout_ms=POLL_MS).values():
            records.extend(batch)
    return records


@pytest.mark.parametrize("acks", [0, 1, "all"])
@pytest.mark.parametrize("codec", CODECS)
def test_every_codec_at_every_acks(clients: Clients, topic: str, codec: str | None, acks: int | str) -> None:
    values: list[bytes | None] = [b"payload-%d-" % n * 20 for n in range(30)]
    producer = clients.producer(compression_type=codec, acks=acks, enable_idempotence=False, linger_ms=5)

    metadata = send_all(producer, topic, values)

    if acks != 0:
        assert [sent.offset for sent in metadata] == list(range(30))
    records = take(clients.consumer(topic), 30)
    assert [record.value for record in records] == values
    assert [record.offset for record in records] == list(range(30))


@pytest.mark.parametrize("codec", CODECS)
def test_idempotent_records_are_there_once_and_in_order(clients: Clients, topic: str, codec: str | None) -> None:
    producer = clients.producer(compression_type=codec, acks="all", enable_idempotence=True, batch_size=400)

    send_all(producer, topic, [b"%d" % n for n in range(300)])

    assert [int(record.value) for record in take(clients.consumer(topic), 300)] == list(range(300))


def test_megabytes_come_back_as_they_were(clients: Clients, topic: str) -> None:
    """Long answers go from the segment's file to the socket; the client checks every batch."""
    values: list[bytes | None] = [b"%d-" % number * (1 + number % 300) for number in range(4000)]
    send_all(clients.producer(linger_ms=5), topic, values, partition=0)

    found = take(clients.consumer(topic, check_crcs=True), 4000)

    assert [record.offset for record in found] == list(range(4000))
    assert [record.value for record in found] == values


def test_keys_values_headers_and_timestamps_come_back_as_they_were(clients: Clients, topic: str) -> None:
    producer = clients.producer()
    stamp = int(time.time() * 1000) - 60_000
    headers = [("a", b"1"), ("empty", b""), ("a", b"twice")]

    producer.send(topic, key=b"k", value=None)
    producer.send(topic, key=b"", value=b"")
    producer.send(topic, value=b"v", headers=headers, timestamp_ms=stamp)
    producer.flush(DEADLINE_S)

    records = take(clients.consumer(topic), 3)
    assert [(record.key, record.value) for record in records] == [(b"k", None), (b"", b""), (None, b"v")]
    assert list(records[2].headers) == headers
    assert records[2].timestamp == stamp


def test_a_group_commits_and_resumes_where_it_was(clients: Clients, topic: str) -> None:
    producer = clients.producer()
    send_all(producer, topic, [b"%d" % n for n in range(20)], partition=0)
    first = clients.consumer(topic, group_id=topic, max_poll_records=7)
    assert [int(record.value) for record in take(first, 7)] == list(range(7))
    partition = TopicPartition(topic, 0)
    first.commit({partition: OffsetAndMetadata(7, "seven", -1)})
    first.close()

    second = clients.consumer(topic, group_id=topic)

    assert [int(record.value) for record in take(second, 13)] == list(range(7, 20))
    assert second.committed(partition) == 7
    assert second.committed(partition, metadata=True).metadata == "seven"


def test_auto_commit_commits_on_close(clients: Clients, topic: str) -> None:
    send_all(clients.producer(), topic, [b"%d" % n for n in range(10)])
    first = clients.consumer(topic, group_id=topic, enable_auto_commit=True)
    assert len(take(first, 10)) == 10
    first.close()

    second = clients.consumer(group_id=topic)

    assert second.committed(TopicPartition(topic, 0)) == 10


def test_seek_by_timestamp_to_the_beginning_and_to_the_end(clients: Clients, topic: str) -> None:
    producer = clients.producer()
    base_ms = int(time.time() * 1000) - 100_000
    for n in range(10):
        producer.send(topic, value=b"%d" % n, timestamp_ms=base_ms + n * 1000)
    producer.flush(DEADLINE_S)
    consumer = clients.consumer()
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])

    found = consumer.offsets_for_times({partition: base_ms + 4500})[partition]
    consumer.seek(partition, found.offset)

    assert (found.offset, found.timestamp) == (5, base_ms + 5000)
    assert [int(record.value) for record in take(consumer, 5)] == [5, 6, 7, 8, 9]
    consumer.seek_to_beginning(partition)
    assert consumer.position(partition) == 0
    assert len(take(consumer, 10)) == 10
    consumer.seek_to_end(partition)
    assert consumer.position(partition) == 10
    assert consumer.beginning_offsets([partition]) == {partition: 0}
    assert consumer.end_offsets([partition]) == {partition: 10}
    assert consumer.offsets_for_times({partition: base_ms + 3_600_000 * 24})[partition] is None


def test_a_read_committed_consumer_reads_what_is_in_no_transaction(clients: Clients, topic: str) -> None:
    send_all(clients.producer(), topic, [b"%d" % n for n in range(10)])

    consumer = clients.consumer(topic, isolation_level="read_committed")

    assert [int(record.value) for record in take(consumer, 10)] == list(range(10))


def test_a_position_out_of_range_is_told_when_it_may_not_be_reset(clients: Clients, topic: str) -> None:
    send_all(clients.producer(), topic, [b"x"])
    consumer = clients.consumer(auto_offset_reset="none")
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    consumer.seek(partition, 100)

    with pytest.raises(OffsetOutOfRangeError):
        take(consumer, 1)


def test_a_message_above_the_brokers_limit_is_refused_and_the_next_is_taken(topic: str, start_broker: Any) -> None:
    running = start_broker({"message.max.bytes": "2000"})
    # An idempotent kafka-python takes any refusal as the end of the producer.
    producer = KafkaProducer(bootstrap_servers=running.bootstrap, enable_idempotence=False)

    with pytest.raises(MessageSizeTooLargeError):
        producer.send(topic, b"x" * 5000).get(DEADLINE_S)

    assert producer.send(topic, b"x" * 500).get(DEADLINE_S).offset == 0
    producer.close()


@pytest.mark.parametrize("version", [(0, 10, 0), (0, 10, 2), (0, 11), (1, 0), (2, 0), (2, 5), (3, 9)])
def test_a_client_pinned_to_an_older_kafka(clients: Clients, topic: str, version: tuple[int, ...]) -> None:
    """`api_version` makes the client speak as it would to that Kafka: message sets of magic 1 before 0.11."""
    producer = clients.producer(api_version=version, acks="all", compression_type="gzip")

    send_all(producer, topic, [b"value-%d" % n for n in range(20)], key=b"k")

    consumer = clients.consumer(topic, api_version=version, group_id=topic)
    records = take(consumer, 20)
    assert [record.value for record in records] == [b"value-%d" % n for n in range(20)]
    assert all(record.key == b"k" for record in records)
    consumer.commit()
    assert consumer.committed(TopicPartition(topic, 0)) == 20


def test_a_transactional_producer_is_refused_at_once_with_the_reason(clients: Clients, topic: str) -> None:
    """It asked for a coordinator until max_block_ms was over."""
    producer = clients.producer(transactional_id=topic, max_block_ms=600_000)
    with pytest.raises(KafkaError, match="UnsupportedVersion"):
        producer.init_transactions()
