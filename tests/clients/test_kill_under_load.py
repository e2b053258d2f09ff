"""kill -9 of the broker, again and again, while three client libraries produce: what was acknowledged is there."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError as AioKafkaError
from confluent_kafka import Producer
from harness.broker_process import BrokerProcess
from harness.confluent import DEADLINE_S, create_topic, read_partition
from kafka import KafkaProducer
from kafka.errors import KafkaError

StartBroker = Callable[..., BrokerProcess]
KILLS = 4
# Acknowledged records between two kills: enough that requests are under way when it happens.
RECORDS_PER_LIFE = 400
IN_FLIGHT = 40


class Load:
    """A thread that produces numbered values until told to stop, and remembers which were acknowledged."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self.bootstrap = bootstrap
        self.topic = topic
        self.acknowledged: set[int] = set()
        self.failed: list[object] = []
        self.stopping = threading.Event()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self.run, daemon=True)

    def run(self) -> None:
        raise NotImplementedError

    def acknowledge(self, n: int, error: object = None) -> None:
        with self._changed:
            if error is None:
                self.acknowledged.add(n)
            else:
                self.failed.append(error)
            self._changed.notify_all()

    def start(self) -> None:
        self._thread.start()

    def wait_for_more(self, count: int) -> None:
        with self._changed:
            wanted = len(self.acknowledged) + count
            enough = self._changed.wait_for(lambda: len(self.acknowledged) >= wanted, 2 * DEADLINE_S)
        assert enough, f"{len(self.acknowledged)} of {wanted} acknowledged, failures: {self.failed[-3:]}"

    def finish(self) -> None:
        self.stopping.set()
        self._thread.join(2 * DEADLINE_S)
        assert not self._thread.is_alive()


class ConfluentLoad(Load):
    def run(self) -> None:
        settings: dict[str, Any] = {"enable.idempotence": True, "linger.ms": 1, "reconnect.backoff.max.ms": 300}
        client = Producer({"bootstrap.servers": self.bootstrap, **settings})
        n = 0
        while not self.stopping.is_set():
            if len(client) < IN_FLIGHT:
                client.produce(
                    self.topic, b"%d" % n, on_delivery=lambda error, message, n=n: self.acknowledge(n, error)
                )
                n += 1
            client.poll(0.001)
        client.flush(DEADLINE_S)


class KafkaPythonLoad(Load):
    def run(self) -> None:
        settings: dict[str, Any] = {"enable_idempotence": True, "reconnect_backoff_max_ms": 300}
        client = KafkaProducer(bootstrap_servers=self.bootstrap, **settings)
        n = 0
        while not self.stopping.is_set():
            futures = [(k, client.send(self.topic, b"%d" % k)) for k in range(n, n + IN_FLIGHT)]
            n += IN_FLIGHT
            for k, future in futures:
                try:
                    future.get(2 * DEADLINE_S)
                    self.acknowledge(k)
                except KafkaError as error:
                    self.acknowledge(k, error)
        client.close()


class AioKafkaLoad(Load):
    def run(self) -> None:
        asyncio.run(self._produce())

    async def _produce(self) -> None:
        client = AIOKafkaProducer(bootstrap_servers=self.bootstrap, enable_idempotence=True)
        await client.start()
        n = 0
        while not self.stopping.is_set():
            futures = [(k, await client.send(self.topic, b"%d" % k)) for k in range(n, n + IN_FLIGHT)]
            n += IN_FLIGHT
            for k, future in futures:
                try:
                    await asyncio.wait_for(future, 2 * DEADLINE_S)
                    self.acknowledge(k)
                except AioKafkaError as error:
                    self.acknowledge(k, error)
        await client.stop()


@pytest.mark.parametrize("load_type", [ConfluentLoad, KafkaPythonLoad, AioKafkaLoad])
def test_each_acknowledged_record_of_an_idempotent_producer_is_there_once_and_in_order(
    start_broker: StartBroker, topic: str, load_type: type[Load]
) -> None:
    running = start_broker()
    create_topic(running.bootstrap, topic)
    load = load_type(running.bootstrap, topic)
    load.start()
    for _ in range(KILLS):
        load.wait_for_more(RECORDS_PER_LIFE)
        running.kill()
        running.start()
    load.wait_for_more(RECORDS_PER_LIFE)
    load.finish()

    values = [int(record.value()) for record in read_partition(running.bootstrap, topic)]

    assert load.failed == []
    counts = Counter(values)
    assert load.acknowledged <= set(values), "lost"
    assert [value for value, count in counts.items() if count > 1] == [], "twice"
    assert values == sorted(values), "out of order"
