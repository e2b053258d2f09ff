"""KubeSentiment: eight kafka-python 2.0.2 consumers that ask for a megabyte at a time, and a dead letter queue."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from harness.broker_process import BrokerProcess
from harness.confluent import create_topic, deliver, read_partition
from harness.legacy_client import run_legacy
from harness.ports import free_ports
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

StartBroker = Callable[..., BrokerProcess]
DEADLINE_S = 30.0
# app/services/kafka_consumer.py as first written.
CONSUMER: dict[str, Any] = {
    "max_poll_records": 1000,
    "fetch_min_bytes": 1024 * 1024,
    "fetch_max_wait_ms": 500,
    "max_partition_fetch_bytes": 8 * 1024 * 1024,
    "session_timeout_ms": 30_000,
    "heartbeat_interval_ms": 3_000,
    "max_poll_interval_ms": 300_000,
    "receive_buffer_bytes": 65536,
    "send_buffer_bytes": 65536,
}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    """Their compose file."""
    settings = {"num.partitions": "8", "message.max.bytes": "10485760", "delete.topic.enable": "true"}
    with BrokerProcess(tmp_path_factory.mktemp("kubesentiment"), settings) as running:
        yield running


def sentiment(n: int) -> bytes:
    text = "x" * (50, 100, 200, 500, 1000)[n % 5]
    return json.dumps({"id": n, "text": text}).encode()


@pytest.fixture
def requests(broker: BrokerProcess, topic: str) -> str:
    """A topic of eight partitions with 4,000 requests, produced as their load generator does."""
    client = Producer({"bootstrap.servers": broker.bootstrap, "compression.type": "lz4", "linger.ms": 10})
    deliver(client, topic, ({"key": b"%d" % n, "value": sentiment(n), "partition": n % 8} for n in range(4000)))
    return topic


@pytest.mark.parametrize("version", [[0, 10, 2], None], ids=["0.10.2", "unpinned"])
def test_eight_consumers_share_eight_partitions_round_robin(
    broker: BrokerProcess, requests: str, version: list[int] | None
) -> None:
    """Pinned to 0.10.2 they fetch with version 3 and get lz4 batches as message sets of magic 1."""
    answer = run_legacy(
        "round_robin_group",
        broker.bootstrap,
        topic=requests,
        group=f"{requests}-{version}",
        api_version=version,
        members=8,
        records=4000,
        consumer=CONSUMER,
    )

    assert answer["failures"] == []
    assert answer["distinct"] == 4000


def test_a_fetch_that_asks_for_a_megabyte_gets_less_when_the_wait_is_over(broker: BrokerProcess, topic: str) -> None:
    """fetch.min.bytes counts over all partitions of a request; when the wait is over, what there is has to do."""
    create_topic(broker.bootstrap, topic, 8)
    settings = {"auto_offset_reset": "earliest", "fetch_min_bytes": 1024 * 1024, "fetch_max_wait_ms": 500}
    consumer = KafkaConsumer(bootstrap_servers=broker.bootstrap, **settings)
    consumer.assign([TopicPartition(topic, n) for n in range(8)])
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap)
    seen: set[bytes] = set()

    for n in range(3):
        producer.send(topic, b"%d" % n, partition=n).get(DEADLINE_S)
        while len(seen) <= n:
            for batch in consumer.poll(timeout_ms=int(DEADLINE_S * 1000)).values():
                seen.update(record.value for record in batch)

    assert seen == {b"0", b"1", b"2"}
    consumer.close()
    producer.close()


def test_a_fetch_is_answered_as_soon_as_a_megabyte_is_there(broker: BrokerProcess, topic: str) -> None:
    """With a wait of minutes, only the bytes can end it."""
    create_topic(broker.bootstrap, topic, 8)
    settings = {"auto_offset_reset": "earliest", "fetch_min_bytes": 1024 * 1024, "fetch_max_wait_ms": 300_000}
    consumer = KafkaConsumer(
        bootstrap_servers=broker.bootstrap, request_timeout_ms=305_000, connections_max_idle_ms=540_000, **settings
    )
    consumer.assign([TopicPartition(topic, n) for n in range(8)])
    consumer.poll(timeout_ms=200)  # the fetch is under way and finds nothing
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap, linger_ms=5)

    for n in range(16):
        producer.send(topic, b"%d" % n * 100_000, partition=n % 8)
    producer.flush(DEADLINE_S)

    assert consumer.poll(timeout_ms=int(DEADLINE_S * 1000)), "more than a megabyte waits, and nothing came"
    consumer.close()
    producer.close()


def test_what_cannot_be_processed_goes_to_the_dead_letter_queue(broker: BrokerProcess, topic: str) -> None:
    """acks=all, retries 3, lz4: the original record with where it came from, and then the offset is committed."""
    dead_letters = f"{topic}.dlq"
    sender = KafkaProducer(bootstrap_servers=broker.bootstrap)
    for n in range(50):
        sender.send(topic, b"poison" if n % 10 == 0 else sentiment(n), partition=0)
    sender.close()
    dlq = KafkaProducer(
        bootstrap_servers=broker.bootstrap,
        acks="all",
        retries=3,
        batch_size=32768,
        linger_ms=10,
        compression_type="lz4",
        value_serializer=lambda value: json.dumps(value).encode(),
    )
    consumer = KafkaConsumer(
        topic,
        bootstrap_servers=broker.bootstrap,
        group_id=topic,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        consumer_timeout_ms=1000,
    )
    processed = 0
    while processed < 50:
        for record in consumer:
            processed += 1
            try:
                json.loads(record.value)
            except ValueError as error:
                origin = {"offset": record.offset, "value": record.value.decode(), "error": str(error)}
                dlq.send(dead_letters, origin, partition=0)
            consumer.commit()
    dlq.close()
    consumer.close()

    letters = [json.loads(record.value()) for record in read_partition(broker.bootstrap, dead_letters)]
    assert [letter["offset"] for letter in letters] == [0, 10, 20, 30, 40]
    assert {letter["value"] for letter in letters} == {"poison"}


def test_two_listeners_each_advertise_their_own_address(topic: str, start_broker: StartBroker) -> None:
    """kafka:29092 inside the network, localhost:9092 outside: a client is told the address of the door it came by."""
    inside, outside = free_ports(2)
    start_broker(
        {
            "listeners": f"PLAINTEXT://127.0.0.1:{inside},PLAINTEXT_HOST://127.0.0.1:{outside}",
            "advertised.listeners": "PLAINTEXT://inside.invalid:29092,PLAINTEXT_HOST://outside.invalid:9092",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,PLAINTEXT_HOST:PLAINTEXT",
            "inter.broker.listener.name": "PLAINTEXT",
        }
    )

    def advertised(port: int) -> str:
        admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{port}"})
        [node] = admin.list_topics(timeout=DEADLINE_S).brokers.values()
        return f"{node.host}:{node.port}"

    assert advertised(inside) == "inside.invalid:29092"
    assert advertised(outside) == "outside.invalid:9092"
