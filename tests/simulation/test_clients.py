"""The simulated clients against a broker that runs: what they tell the history is what is so."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from random import Random
from typing import Any

import pytest
from harness.broker_process import BrokerProcess, StartBroker

from protocol.errors import ErrorCode
from simulation.clients import (
    CarelessProducer,
    Client,
    Consumer,
    IdempotentProducer,
    Mover,
    OffsetCommitter,
    OffsetReader,
    Surroundings,
    TopicClient,
    admin_create_topic,
)
from simulation.history import History, Outcome, Place

BATCHES = 30


def address(broker: BrokerProcess) -> tuple[str, int]:
    return ("127.0.0.1", broker.port)


def around(broker: BrokerProcess, seen: History, seed: int) -> Surroundings:
    return Surroundings([address(broker)], seen, Random(seed))


def history() -> History:
    return History(time.monotonic)


async def together(*clients: Client, after: int = 2) -> None:
    """Run them all; the last ones are stopped when the first `after` have done what they had to do."""
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        tasks = [group.create_task(client.run()) for client in clients]
        for task in tasks[:after]:
            await task
        for client in clients[after:]:
            client.stop()


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


def idempotent(broker: BrokerProcess, seen: History, place: Place, seed: int = 1) -> IdempotentProducer:
    return IdempotentProducer(
        f"producer-{seed}",
        around(broker, seen, seed),
        [place],
        pause_s=0.002,
        batches_max=BATCHES,
    )


class TestRecords:
    @pytest.mark.parametrize("seed", [1, 2, 3, 5])
    def test_a_consumer_reads_what_producers_were_told_is_there(
        self, broker: BrokerProcess, topic: str, seed: int
    ) -> None:
        assert run(admin_create_topic(address(broker), topic, 1, 1)) is ErrorCode.NONE
        seen, place = history(), (topic, 0)
        careless = CarelessProducer("careless", around(broker, seen, seed), [place], pause_s=0.002, batches_max=BATCHES)
        consumer = Consumer("consumer", around(broker, seen, seed), place)

        run(together(idempotent(broker, seen, place, seed), careless, consumer))

        told = {
            send.base_offset + number: value
            for send in seen.sends
            if send.outcome is Outcome.ACKNOWLEDGED
            for number, value in enumerate(send.values)
        }
        read = {record.offset: record.value for fetch in seen.fetches for record in fetch.records}
        assert read == told
        assert sorted(read) == list(range(len(told)))
        assert seen.finished == {("consumer", place)}

    def test_a_damaged_batch_has_failed_for_certain(self, broker: BrokerProcess, topic: str) -> None:
        run(admin_create_topic(address(broker), topic, 1, 1))
        seen, place = history(), (topic, 0)
        careless = CarelessProducer("careless", around(broker, seen, 3), [place], pause_s=0.001, batches_max=100)

        run(together(careless, after=1))

        outcomes = [send.outcome for send in seen.sends]
        assert set(outcomes) == {Outcome.ACKNOWLEDGED, Outcome.FAILED}

    def test_a_producer_keeps_its_promises_over_kills_of_the_broker(self, start_broker: StartBroker) -> None:
        broker = start_broker()
        run(admin_create_topic(address(broker), "killed", 1, 1))
        seen, place = history(), ("killed", 0)
        producer = idempotent(broker, seen, place)
        producer.batches_max = 1_000_000
        consumer = Consumer("consumer", around(broker, seen, 5), place)

        async def load_and_kills() -> None:
            async with asyncio.timeout(60), asyncio.TaskGroup() as group:
                producing = group.create_task(producer.run())
                group.create_task(consumer.run())
                for _ in range(2):
                    before = seen.acknowledged_end(place)
                    while seen.acknowledged_end(place) < before + 50:
                        await producer.pause_before_retry()
                    broker.kill()
                    await asyncio.to_thread(broker.start)
                producer.stop()
                await producing
                consumer.stop()

        run(load_and_kills())

        assert all(send.outcome is Outcome.ACKNOWLEDGED for send in seen.sends)
        read = [record.value for fetch in seen.fetches for record in fetch.records]
        assert read == [value for send in seen.sends for value in send.values]


class TestOffsets:
    def test_what_is_committed_last_is_read_back(self, broker: BrokerProcess, topic: str) -> None:
        run(admin_create_topic(address(broker), topic, 1, 1))
        seen, place = history(), (topic, 0)
        committer = OffsetCommitter("committer", around(broker, seen, 1), topic, place, pause_s=0.002)
        reader = OffsetReader("reader", around(broker, seen, 2), topic, place, pause_s=0.002)

        run(together(idempotent(broker, seen, place), committer, reader, after=1))

        assert {read.client for read in seen.committed_reads} == {"committer", "reader"}
        last = max(seen.committed_reads, key=lambda read: read.ended)
        acknowledged = [commit for commit in seen.commits if commit.outcome is Outcome.ACKNOWLEDGED]
        assert (last.offset, last.label) == (acknowledged[-1].offset, acknowledged[-1].label)


class TestOperators:
    def test_topics_come_and_go(self, broker: BrokerProcess, topic: str) -> None:
        run(admin_create_topic(address(broker), topic, 1, 1))
        seen, place = history(), (topic, 0)
        operator = TopicClient(
            "operator",
            around(broker, seen, 4),
            [f"{topic}-a", f"{topic}-b"],
            pause_s=0.002,
            replication_factor=1,
        )

        run(together(idempotent(broker, seen, place), operator, after=1))

        acknowledged = [change for change in seen.topic_changes if change.outcome is Outcome.ACKNOWLEDGED]
        assert {change.creates for change in acknowledged} == {True, False}

    def test_a_mover_is_served(self, broker: BrokerProcess, topic: str) -> None:
        run(admin_create_topic(address(broker), topic, 1, 1))
        seen, place = history(), (topic, 0)
        mover = Mover(
            "mover",
            around(broker, seen, 4),
            [place],
            node_ids=[1],
            replication_factor=1,
            pause_s=0.002,
        )

        run(together(idempotent(broker, seen, place), mover, after=1))

        assert mover.done["moved"] > 0
