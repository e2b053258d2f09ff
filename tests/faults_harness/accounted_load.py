"""Producers of three client libraries that keep account: what they sent, what was acknowledged, what was refused.

Each record's value says who sent it to which partition as its how-manieth: `name/partition/number/padding`. So what
lies in the log at the end can be held against every acknowledgement (`accounting.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError as AiokafkaError
from confluent_kafka import KafkaException, Producer
from kafka import KafkaProducer
from kafka.errors import KafkaError as KafkaPythonError

# A producer waits for acknowledgements when it has so many records under way: the load follows the broker.
OUTSTANDING_MAX = 64
DELIVERY_TIMEOUT_S = 100


class Account:
    """What one producer knows. The numbers of a partition are 0, 1, 2, … in the order in which they were sent."""

    def __init__(self, name: str, *, idempotent: bool) -> None:
        self.name = name
        self.idempotent = idempotent
        self.sent: Counter[int] = Counter()
        # (partition, number, offset told by the broker)
        self.acknowledged: list[tuple[int, int, int]] = []
        self.failures: list[str] = []
        self.changed = threading.Condition()
        self._outstanding = 0

    def next_number(self, partition: int) -> int:
        with self.changed:
            number = self.sent[partition]
            self.sent[partition] += 1
            self._outstanding += 1
            return number

    def was_acknowledged(self, partition: int, number: int, offset: int) -> None:
        with self.changed:
            self.acknowledged.append((partition, number, offset))
            self._outstanding -= 1
            self.changed.notify_all()

    def has_failed(self, partition: int, number: int, why: object) -> None:
        with self.changed:
            self.failures.append(f"{self.name}/{partition}/{number}: {why!r}")
            self._outstanding -= 1
            self.changed.notify_all()

    @property
    def may_send(self) -> bool:
        return self._outstanding < OUTSTANDING_MAX

    def wait_for(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        with self.changed:
            return self.changed.wait_for(condition, timeout_s)


class Load:
    """One producer in a thread of its own, sending round-robin to `partitions` until `finish`."""

    # In the client's own words, over what the load sets.
    settings: ClassVar[dict[str, Any]] = {}

    def __init__(self, account: Account, topic: str, partitions: int, padding: bytes) -> None:
        self.account = account
        self.topic = topic
        self._partitions = partitions
        self._padding = padding
        self._turn = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._guarded, name=account.name)

    def start(self) -> None:
        self._thread.start()

    def finish(self) -> None:
        """Send no more, wait until everything sent is acknowledged or refused."""
        self._stopping.set()
        self._thread.join()

    def _guarded(self) -> None:
        try:
            self.run()
        except (KafkaException, KafkaPythonError, AiokafkaError, BufferError) as error:
            self.account.failures.append(f"{self.account.name} gave up: {error!r}")

    def next_record(self) -> tuple[int, int, bytes]:
        partition = self._turn % self._partitions
        self._turn += 1
        number = self.account.next_number(partition)
        return partition, number, b"%s/%d/%d/%s" % (self.account.name.encode(), partition, number, self._padding)

    @property
    def is_stopping(self) -> bool:
        return self._stopping.is_set()

    def run(self) -> None:
        raise NotImplementedError


class ConfluentLoad(Load):
    def __init__(self, bootstrap: str, account: Account, topic: str, partitions: int, padding: bytes, acks: str):
        super().__init__(account, topic, partitions, padding)
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "log_level": 0,
                "acks": acks,
                "enable.idempotence": account.idempotent,
                # Without numbers, a retry behind a younger request would change the order.
                "max.in.flight.requests.per.connection": 5 if account.idempotent else 1,
                "batch.num.messages": 7,
                "reconnect.backoff.max.ms": 200,
                "retry.backoff.ms": 20,
                "message.timeout.ms": DELIVERY_TIMEOUT_S * 1000,
                **self.settings,
            }
        )

    def run(self) -> None:
        while not self.is_stopping:
            if self.account.may_send:
                partition, number, value = self.next_record()
                self._producer.produce(
                    self.topic, value, partition=partition, on_delivery=self._delivered(partition, number)
                )
                self._producer.poll(0)
            else:
                self._producer.poll(0.1)
        self._producer.flush(DELIVERY_TIMEOUT_S)

    def _delivered(self, partition: int, number: int) -> Callable[[Any, Any], None]:
        def delivered(error: Any, message: Any) -> None:
            if error is None:
                self.account.was_acknowledged(partition, number, message.offset())
            else:
                self.account.has_failed(partition, number, error)

        return delivered


class KafkaPythonLoad(Load):
    def __init__(self, bootstrap: str, account: Account, topic: str, partitions: int, padding: bytes, acks: str):
        super().__init__(account, topic, partitions, padding)
        self._producer = KafkaProducer(
            bootstrap_servers=bootstrap,
            acks="all" if acks == "all" else int(acks),
            enable_idempotence=account.idempotent,
            max_in_flight_requests_per_connection=5 if account.idempotent else 1,
            batch_size=1500,
            reconnect_backoff_max_ms=200,
            retry_backoff_ms=20,
            delivery_timeout_ms=DELIVERY_TIMEOUT_S * 1000,
            max_block_ms=DELIVERY_TIMEOUT_S * 1000,
            retries=1_000_000,
            **self.settings,
        )

    def run(self) -> None:
        account = self.account
        while not self.is_stopping:
            if not account.wait_for(lambda: account.may_send or self.is_stopping, 0.1):
                continue
            partition, number, value = self.next_record()
            sent = self._producer.send(self.topic, value, partition=partition)
            sent.add_callback(lambda told, p=partition, n=number: account.was_acknowledged(p, n, told.offset))
            sent.add_errback(lambda error, p=partition, n=number: account.has_failed(p, n, error))
        self._producer.flush(DELIVERY_TIMEOUT_S)
        self._producer.close()


class AiokafkaLoad(Load):
    def __init__(self, bootstrap: str, account: Account, topic: str, partitions: int, padding: bytes, acks: str):
        super().__init__(account, topic, partitions, padding)
        self._settings = {
            "bootstrap_servers": bootstrap,
            "acks": "all" if acks == "all" else int(acks),
            "enable_idempotence": account.idempotent,
            "max_batch_size": 1500 + len(padding),
            "retry_backoff_ms": 20,
            "request_timeout_ms": DELIVERY_TIMEOUT_S * 1000,
        }

    def run(self) -> None:
        asyncio.run(self._run())

    async def _run(self) -> None:
        producer = AIOKafkaProducer(**self._settings)
        await producer.start()
        pending: set[asyncio.Task[None]] = set()
        try:
            while not self.is_stopping:
                while self.account.may_send and not self.is_stopping:
                    partition, number, value = self.next_record()
                    delivery = await producer.send(self.topic, value, partition=partition)
                    pending.add(asyncio.create_task(self._account_for(delivery, partition, number)))
                _, pending = await asyncio.wait(pending, timeout=0.1, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.gather(*pending)
        finally:
            with contextlib.suppress(AiokafkaError):
                await producer.stop()

    async def _account_for(self, delivery: asyncio.Future[Any], partition: int, number: int) -> None:
        try:
            told = await delivery
        except AiokafkaError as error:
            self.account.has_failed(partition, number, error)
        else:
            self.account.was_acknowledged(partition, number, told.offset)
