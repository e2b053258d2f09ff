"""Consumer groups when something goes wrong: members that die or dawdle, limits, a coordinator that restarts."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka import TopicPartition as AioPartition
from confluent_kafka import KafkaError, TopicPartition
from harness.broker_process import BrokerProcess
from harness.confluent import DEADLINE_S, consumer, create_topic, deliver, producer, read_partition
from harness.group_members import Members
from kafka import KafkaConsumer, KafkaProducer
from kafka import TopicPartition as PythonPartition

StartBroker = Callable[..., BrokerProcess]
LONELY_MEMBER = Path(__file__).parent.parent / "harness" / "lonely_member.py"
# Sessions that end soon, so that a dead member is missed soon.
SHORT = {"session_timeout_ms": 1500, "heartbeat_interval_ms": 200}


@pytest.fixture(scope="module")
def lenient(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A broker that lets sessions be short."""
    with BrokerProcess(tmp_path_factory.mktemp("lenient"), {"group.min.session.timeout.ms": "500"}) as running:
        yield running


def test_the_partitions_of_a_member_that_is_killed_go_to_the_others(lenient: BrokerProcess, topic: str) -> None:
    create_topic(lenient.bootstrap, topic, 6)
    settings = json.dumps({"session.timeout.ms": 1500, "heartbeat.interval.ms": 200})
    command = [sys.executable, str(LONELY_MEMBER), lenient.bootstrap, topic, topic, settings]
    with (
        Members(lenient.bootstrap, topic, topic, **SHORT) as members,
        subprocess.Popen(command, stdout=subprocess.PIPE) as victim,
    ):
        assert victim.stdout is not None
        try:
            assert json.loads(victim.stdout.readline()) == [0, 1, 2, 3, 4, 5]
            members.join("survivor")
            members.until(lambda: members.shares() == [3])
        finally:
            victim.kill()

        members.until(lambda: members.cover(6))


def test_a_static_member_that_is_killed_keeps_its_partitions_until_its_session_ends(
    lenient: BrokerProcess, topic: str
) -> None:
    create_topic(lenient.bootstrap, topic, 6)
    settings = {"session.timeout.ms": 3000, "heartbeat.interval.ms": 200, "group.instance.id": "victim"}
    command = [sys.executable, str(LONELY_MEMBER), lenient.bootstrap, topic, topic, json.dumps(settings)]
    with Members(lenient.bootstrap, topic, topic, **SHORT) as members:
        survivor = members.join("survivor")
        members.until(lambda: members.cover(6))
        with subprocess.Popen(command, stdout=subprocess.PIPE) as victim:
            assert victim.stdout is not None
            given = json.loads(victim.stdout.readline())
            victim.kill()
        members.until(lambda: members.shares() == [3])
        # Back within its session: the same partitions, and the survivor was never asked.
        rebalances = len(survivor.assigned)
        with subprocess.Popen(command, stdout=subprocess.PIPE) as victim:
            assert victim.stdout is not None
            assert json.loads(victim.stdout.readline()) == given
            victim.kill()
        assert len(survivor.assigned) == rebalances

        members.until(lambda: members.cover(6))


def test_a_member_that_polls_too_seldom_loses_its_partitions_and_may_come_back(
    lenient: BrokerProcess, topic: str
) -> None:
    create_topic(lenient.bootstrap, topic, 6)
    with Members(lenient.bootstrap, topic, topic, max_poll_interval_ms=2000, **SHORT) as members:
        slow = members.join("slow")
        members.join("quick")
        members.until(lambda: members.cover(6))

        slow.may_poll.clear()

        members.until(lambda: members.partitions("quick") == set(range(6)))
        slow.may_poll.set()
        members.until(lambda: members.cover(6))
        assert KafkaError._MAX_POLL_EXCEEDED in {error.code() for error in slow.errors}


def test_a_rebalance_waits_for_a_slow_member_no_longer_than_its_rebalance_timeout(
    lenient: BrokerProcess, topic: str
) -> None:
    """JoinGroup carries max.poll.interval.ms as the rebalance timeout: who has not joined by then is out."""
    create_topic(lenient.bootstrap, topic, 6)
    with Members(lenient.bootstrap, topic, topic, max_poll_interval_ms=2500, **SHORT) as members:
        slow = members.join("slow")
        members.until(lambda: members.cover(6))
        slow.may_poll.clear()  # its heartbeats go on, but it answers no rebalance

        members.join("new")

        members.until(lambda: members.partitions("new") == set(range(6)))


def test_members_that_come_within_the_initial_delay_begin_together(start_broker: StartBroker, topic: str) -> None:
    """group.initial.rebalance.delay.ms: without it the first consumer would take everything and give it up again."""
    running = start_broker({"group.initial.rebalance.delay.ms": "2000"})
    create_topic(running.bootstrap, topic, 6)
    with Members(running.bootstrap, topic, topic) as members:
        joined = [members.join(name) for name in ("a", "b", "c")]

        members.until(lambda: members.cover(6))

        assert [member.assigned for member in joined] == [[member.partitions] for member in joined]
        assert members.shares() == [2, 2, 2]


def test_a_full_group_refuses_another_member(start_broker: StartBroker, topic: str) -> None:
    running = start_broker({"group.max.size": "2"})
    create_topic(running.bootstrap, topic, 6)
    with Members(running.bootstrap, topic, topic) as members:
        members.join("a")
        members.join("b")
        members.until(lambda: members.cover(6))

        third = members.join("c")

        members.until(lambda: bool(third.errors))
        assert third.errors[0].code() == KafkaError.GROUP_MAX_SIZE_REACHED
        assert third.partitions == set()


@pytest.mark.parametrize("session_timeout_ms", [400, 70_000])
def test_a_session_timeout_outside_the_brokers_bounds_is_refused(
    start_broker: StartBroker, topic: str, session_timeout_ms: int
) -> None:
    running = start_broker({"group.min.session.timeout.ms": "500", "group.max.session.timeout.ms": "60000"})
    create_topic(running.bootstrap, topic)
    with Members(running.bootstrap, topic, topic, session_timeout_ms=session_timeout_ms) as members:
        member = members.join("a")

        members.until(lambda: bool(member.errors))

        assert member.errors[0].code() == KafkaError.INVALID_SESSION_TIMEOUT


@pytest.mark.parametrize("how", ["kill -9", "clean"])
@pytest.mark.parametrize("assignor", ["roundrobin", "cooperative-sticky"])
def test_a_group_goes_on_after_its_coordinator_restarts(
    start_broker: StartBroker, topic: str, how: str, assignor: str
) -> None:
    running = start_broker()
    create_topic(running.bootstrap, topic, 6)
    sender = producer(running.bootstrap, enable_idempotence=True, reconnect_backoff_max_ms=500)
    records = [{"value": b"%d" % n, "partition": n % 6} for n in range(600)]
    with Members(running.bootstrap, topic, topic, partition_assignment_strategy=assignor) as members:
        joined = [members.join(name, commits=True) for name in ("a", "b", "c")]
        members.until(lambda: members.cover(6))
        rebalances = [len(member.assigned) for member in joined]
        deliver(sender, topic, records[:300])
        members.until(lambda: len({int(record.value()) for record in members.records()}) > 100)

        running.kill() if how == "kill -9" else running.stop()
        running.start()

        deliver(sender, topic, records[300:])
        members.until(lambda: {int(record.value()) for record in members.records()} == set(range(600)))
        assert members.cover(6)
        # The group was read back from __consumer_offsets: the members and their generation are still good.
        assert [len(member.assigned) for member in joined] == rebalances
    reader = consumer(running.bootstrap, group_id=topic)
    committed = reader.committed([TopicPartition(topic, n) for n in range(6)], timeout=DEADLINE_S)
    reader.close()
    assert [partition.offset for partition in committed] == [100] * 6
    for partition in range(6):
        values = [int(record.value()) for record in read_partition(running.bootstrap, topic, partition)]
        assert values == list(range(partition, 600, 6))


@pytest.mark.parametrize("how", ["kill -9", "clean"])
def test_kafka_python_goes_on_after_the_coordinator_restarts(start_broker: StartBroker, topic: str, how: str) -> None:
    running = start_broker()
    settings = {"bootstrap_servers": running.bootstrap, "reconnect_backoff_max_ms": 500}
    sender = KafkaProducer(**settings)
    reader = KafkaConsumer(topic, group_id=topic, auto_offset_reset="earliest", enable_auto_commit=False, **settings)
    seen: set[int] = set()

    def read(count: int) -> None:
        while len(seen) < count:
            for batch in reader.poll(timeout_ms=3000).values():
                seen.update(int(record.value) for record in batch)

    for n in range(100):
        sender.send(topic, b"%d" % n)
    sender.flush(DEADLINE_S)
    read(100)
    reader.commit()

    running.kill() if how == "kill -9" else running.stop()
    running.start()

    for n in range(100, 200):
        sender.send(topic, b"%d" % n)
    sender.flush(DEADLINE_S)
    read(200)
    reader.commit()
    assert reader.committed(PythonPartition(topic, 0)) == 200
    sender.close()
    reader.close()


@pytest.mark.parametrize("how", ["kill -9", "clean"])
def test_aiokafka_goes_on_after_the_coordinator_restarts(start_broker: StartBroker, topic: str, how: str) -> None:
    running = start_broker()

    async def session() -> int | None:
        sender = AIOKafkaProducer(bootstrap_servers=running.bootstrap, enable_idempotence=True)
        await sender.start()
        reader = AIOKafkaConsumer(
            topic,
            bootstrap_servers=running.bootstrap,
            group_id=topic,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        await sender.send_and_wait(topic, b"first")
        await reader.start()
        try:
            assert (await asyncio.wait_for(reader.getone(), DEADLINE_S)).value == b"first"
            await reader.commit()
            await asyncio.to_thread(running.kill if how == "kill -9" else running.stop)
            await asyncio.to_thread(running.start)
            await asyncio.wait_for(sender.send_and_wait(topic, b"second"), DEADLINE_S)
            assert (await asyncio.wait_for(reader.getone(), DEADLINE_S)).value == b"second"
            await reader.commit()
            return await reader.committed(AioPartition(topic, 0))  # type: ignore[no-any-return]
        finally:
            await reader.stop()
            await sender.stop()

    assert asyncio.run(session()) == 2
