"""Consumer groups of real clients: who gets which partitions as members come and go."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import ConsumerGroupState, KafkaError
from confluent_kafka.admin import AdminClient, ConsumerGroupDescription, NewPartitions
from harness.broker_process import BrokerProcess
from harness.confluent import DEADLINE_S, create_topic, deliver, producer
from harness.group_members import Members


@pytest.fixture
def members(broker: BrokerProcess, topic: str) -> Iterator[Members]:
    """A group on a topic of six partitions, nobody in it yet."""
    create_topic(broker.bootstrap, topic, 6)
    with Members(broker.bootstrap, topic, topic) as group:
        yield group


@pytest.mark.parametrize("assignor", ["range", "roundrobin", "cooperative-sticky"])
def test_partitions_are_shared_as_members_come_and_go(members: Members, assignor: str) -> None:
    strategy: dict[str, Any] = {"partition_assignment_strategy": assignor}
    members.join("a", **strategy)
    members.until(lambda: members.cover(6))
    members.join("b", **strategy)
    members.until(lambda: members.cover(6))
    assert members.shares() == [3, 3]
    members.join("c", **strategy)
    members.until(lambda: members.cover(6) and members.shares() == [2, 2, 2])

    members.leave("a")

    members.until(lambda: members.cover(6) and members.shares() == [3, 3])


def test_cooperative_members_keep_reading_what_they_keep(members: Members, broker: BrokerProcess) -> None:
    """KIP-429: of six partitions only the three that move are ever revoked."""
    strategy: dict[str, Any] = {"partition_assignment_strategy": "cooperative-sticky"}
    first = members.join("a", **strategy)
    members.until(lambda: members.cover(6))

    members.join("b", **strategy)

    members.until(lambda: members.cover(6))
    assert sum(len(revoked) for revoked in first.revoked) == 3
    deliver(producer(broker.bootstrap), members.topic, ({"value": b"x", "partition": n} for n in range(6)))
    members.until(lambda: len(members.records()) == 6)


def test_members_with_different_assignors_use_the_one_all_know(members: Members, broker: BrokerProcess) -> None:
    members.join("a", partition_assignment_strategy="range,roundrobin")
    members.join("b", partition_assignment_strategy="roundrobin")
    members.until(lambda: members.cover(6))

    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    described = admin.describe_consumer_groups([members.settings["group_id"]])
    [group] = [future.result(DEADLINE_S) for future in described.values()]

    assert group.partition_assignor == "roundrobin"


def test_a_member_that_shares_no_assignor_is_refused(members: Members) -> None:
    members.join("a", partition_assignment_strategy="range")
    members.until(lambda: members.cover(6))

    stranger = members.join("b", partition_assignment_strategy="roundrobin")

    members.until(lambda: bool(stranger.errors))
    assert stranger.errors[0].code() == KafkaError.INCONSISTENT_GROUP_PROTOCOL
    assert members.partitions("a") == set(range(6))


def test_more_members_than_partitions_leave_some_idle(members: Members) -> None:
    for n in range(8):
        members.join(f"m{n}", partition_assignment_strategy="roundrobin")

    members.until(lambda: members.cover(6) and members.shares() == [0, 0, 1, 1, 1, 1, 1, 1])


def test_a_static_member_that_returns_gets_its_partitions_back_without_a_rebalance(members: Members) -> None:
    """KIP-345: the same group.instance.id, a new member id, the old assignment; the others never notice."""
    first = members.join("a", group_instance_id="instance-a")
    members.join("b", group_instance_id="instance-b")
    members.until(lambda: members.cover(6))
    had = members.partitions("b")
    rebalances = len(first.assigned)

    members.leave("b")
    members.join("b", group_instance_id="instance-b")

    members.until(lambda: members.partitions("b") == had)
    members.until(lambda: members.cover(6))
    assert len(first.assigned) == rebalances


def test_a_second_process_with_the_same_instance_id_fences_the_first(members: Members) -> None:
    first = members.join("a", group_instance_id="the-same")
    members.until(lambda: members.cover(6))

    members.join("b", group_instance_id="the-same")

    members.until(lambda: members.partitions("b") == set(range(6)))
    members.until(lambda: bool(first.errors))
    fenced = {KafkaError.FENCED_INSTANCE_ID, KafkaError._FATAL}
    assert first.errors[0].code() in fenced


def test_partitions_that_are_added_are_shared_out(members: Members, broker: BrokerProcess) -> None:
    members.join("a", topic_metadata_refresh_interval_ms=200)
    members.join("b", topic_metadata_refresh_interval_ms=200)
    members.until(lambda: members.cover(6))

    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    admin.create_partitions([NewPartitions(members.topic, 10)])[members.topic].result(DEADLINE_S)

    members.until(lambda: members.cover(10))
    assert members.shares() == [5, 5]


def test_the_group_is_described_with_its_members(members: Members, broker: BrokerProcess) -> None:
    members.join("a")
    members.join("b", group_instance_id="instance-b")
    members.until(lambda: members.cover(6))
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})

    def describe() -> ConsumerGroupDescription:
        [future] = admin.describe_consumer_groups([members.settings["group_id"]]).values()
        return future.result(DEADLINE_S)

    group = describe()
    assert {(member.client_id, member.group_instance_id) for member in group.members} == {
        ("a", None),
        ("b", "instance-b"),
    }
    members.leave("a")
    members.until(lambda: members.cover(6))
    assert [member.client_id for member in describe().members] == ["b"]
    members.leave("b")  # a static member stays until its session ends
    assert [member.client_id for member in describe().members] == ["b"]
    assert describe().state == ConsumerGroupState.STABLE
