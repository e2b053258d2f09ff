"""A compacted topic through real clients: batches that the broker rebuilt are read, checksums and all, as any other."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from harness.broker_process import BrokerProcess
from harness.confluent import DEADLINE_S, create_topic, deliver, producer, read_partition
from kafka import KafkaConsumer, TopicPartition


@pytest.fixture(scope="module")
def eager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    """A broker that compacts as soon as it may: sealed segments are compacted once a checkpoint has synced them."""
    settings = {"log.cleaner.backoff.ms": "200", "log.flush.offset.checkpoint.interval.ms": "300"}
    with BrokerProcess(tmp_path_factory.mktemp("eager"), settings) as running:
        yield running


def read_with_kafka_python(bootstrap: str, topic: str) -> dict[bytes, bytes | None]:
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", check_crcs=True)
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    end = consumer.end_offsets([partition])[partition]
    state: dict[bytes, bytes | None] = {}
    while consumer.position(partition) < end:
        for batch in consumer.poll(timeout_ms=3000).values():
            state.update((record.key, record.value) for record in batch)
    consumer.close()
    return state


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_only_the_last_value_of_each_key_remains_and_offsets_stay(eager: BrokerProcess, topic: str, codec: str) -> None:
    configs = {"cleanup.policy": "compact", "segment.ms": "100", "min.cleanable.dirty.ratio": "0.01"}
    create_topic(eager.bootstrap, topic, configs=configs)
    client = producer(eager.bootstrap, enable_idempotence=True, compression_type=codec, linger_ms=20)
    written = 0
    state: dict[bytes, tuple[int, bytes | None]] = {}
    deadline = time.monotonic() + 2 * DEADLINE_S

    # Until a compaction has taken most of it away; each round may begin a new segment.
    while True:
        assert time.monotonic() < deadline, "nothing was compacted"
        records: list[dict[str, bytes | None]] = [
            {"key": b"k%d" % (n % 7), "value": b"%d" % (written + n) * 20} for n in range(140)
        ]
        records.append({"key": b"gone", "value": b"x" if written == 0 else None})
        for report in deliver(client, topic, records):
            state[report.key()] = (report.offset(), report.value())
        written += len(records)
        found = read_partition(eager.bootstrap, topic, isolation_level="read_committed")
        if len(found) < written / 2:
            break

    assert {record.key(): (record.offset(), record.value()) for record in found} == state
    offsets = [record.offset() for record in found]
    assert offsets == sorted(set(offsets))
    last_values = {key: value for key, (_, value) in state.items()}
    assert read_with_kafka_python(eager.bootstrap, topic) == last_values


def test_what_was_compacted_is_there_after_kill_9_and_the_offsets_go_on(eager: BrokerProcess, topic: str) -> None:
    configs = {"cleanup.policy": "compact", "segment.ms": "100", "min.cleanable.dirty.ratio": "0.01"}
    create_topic(eager.bootstrap, topic, configs=configs)
    client = producer(eager.bootstrap, reconnect_backoff_max_ms=300)
    written = 0
    while len(read_partition(eager.bootstrap, topic)) > written / 2 or not written:
        deliver(client, topic, ({"key": b"k%d" % (n % 3), "value": b"%d" % n} for n in range(written, written + 60)))
        written += 60

    eager.kill()
    eager.start()

    last = {b"k%d" % (n % 3): b"%d" % n for n in range(written - 3, written)}
    found = read_partition(eager.bootstrap, topic)
    assert {record.key(): record.value() for record in found} == last
    [report] = deliver(client, topic, [{"key": b"k0", "value": b"after"}])
    assert report.offset() == written
