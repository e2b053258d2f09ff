"""Chronik: the three tests its own brief measures itself by, as behaviour; the benchmark measures them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka import Producer
from harness.broker_process import BrokerProcess
from harness.confluent import deliver, read_partition
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

StartBroker = Callable[..., BrokerProcess]
DEADLINE_S = 30.0


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    with BrokerProcess(tmp_path_factory.mktemp("chronik"), {"num.partitions": "3"}) as running:
        yield running


def test_ten_topics_are_made_one_after_another_by_producing_to_them(broker: BrokerProcess, topic: str) -> None:
    """Each first record waited 150 ms there, for a fixed sleep after the proposal; here it waits for the apply."""
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap)

    sent = [producer.send(f"{topic}.{n}", b"x").get(timeout=10) for n in range(10)]

    assert [metadata.offset for metadata in sent] == [0] * 10
    assert [len(producer.partitions_for(f"{topic}.{n}")) for n in range(10)] == [3] * 10
    producer.close()


def test_128_closed_loops_over_one_producer(broker: BrokerProcess, topic: str) -> None:
    """chronik-bench: one librdkafka producer, 128 tasks that each send 256 bytes, await the report and send again."""
    client = Producer({"bootstrap.servers": broker.bootstrap, "acks": "1", "linger.ms": 0, "batch.size": 16384})
    per_task, tasks = 20, 128

    async def run() -> list[tuple[int, int]]:
        loop = asyncio.get_running_loop()
        finished = loop.create_future()
        acknowledged: list[tuple[int, int]] = []

        async def closed_loop(task: int) -> None:
            for _ in range(per_task):
                delivered = loop.create_future()
                client.produce(
                    topic,
                    b"x" * 256,
                    key=b"%d" % task,
                    on_delivery=lambda error, message, delivered=delivered: loop.call_soon_threadsafe(
                        delivered.set_result, (error, message)
                    ),
                )
                error, message = await delivered
                assert error is None, error
                acknowledged.append((message.partition(), message.offset()))

        def poll() -> None:
            while not finished.done():
                client.poll(0.05)

        polling = loop.run_in_executor(None, poll)
        await asyncio.wait_for(asyncio.gather(*(closed_loop(task) for task in range(tasks))), DEADLINE_S)
        finished.set_result(None)
        await polling
        return acknowledged

    acknowledged = asyncio.run(run())

    # Every acknowledged record is read back: a rate of acknowledgements alone means nothing.
    stored = {
        (partition, record.offset())
        for partition in range(3)
        for record in read_partition(broker.bootstrap, topic, partition)
    }
    assert len(acknowledged) == per_task * tasks
    assert sorted(acknowledged) == sorted(stored)


def test_300_messages_over_three_partitions_and_a_flush(broker: BrokerProcess, topic: str) -> None:
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap, acks=1, enable_idempotence=False)
    for n in range(300):
        producer.send(topic, b"%d" % n, partition=n % 3)

    producer.flush(DEADLINE_S)

    partitions = [TopicPartition(topic, n) for n in range(3)]
    consumer = KafkaConsumer(bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest")
    consumer.assign(partitions)
    assert consumer.end_offsets(partitions) == dict.fromkeys(partitions, 100)
    seen: list[int] = []
    while len(seen) < 300:
        for batch in consumer.poll(timeout_ms=int(DEADLINE_S * 1000)).values():
            seen.extend(int(record.value) for record in batch)
    assert sorted(seen) == list(range(300))
    consumer.close()
    producer.close()


def test_thousands_of_records_whose_broker_is_killed_right_after(topic: str, start_broker: StartBroker) -> None:
    """What was acknowledged with acks=1 is there after kill -9, each record once and in order."""
    running = start_broker()
    client = Producer({"bootstrap.servers": running.bootstrap, "acks": "1"})
    reports = deliver(client, topic, ({"value": b"%d" % n} for n in range(3000)))

    running.kill()
    running.start()

    assert len(reports) == 3000
    assert [int(record.value()) for record in read_partition(running.bootstrap, topic)] == list(range(3000))
