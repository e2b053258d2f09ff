"""What only the Java client can do: its AdminClient's whole range, and consumer protocols that other clients lack."""

from __future__ import annotations

import time
from typing import Any

import pytest
from toolchains_harness.client_process import Client

pytestmark = [
    pytest.mark.toolchain,
    pytest.mark.timeout(600),
    pytest.mark.parametrize("client", ["java"], indirect=True),
]
COOPERATIVE = {"partition.assignment.strategy": "org.apache.kafka.clients.consumer.CooperativeStickyAssignor"}


def values(count: int) -> list[dict[str, Any]]:
    return [{"value": f"value {number}", "partition": 0} for number in range(count)]


def test_a_topic_is_described_and_deleted_by_its_id(client: Client, topic: str) -> None:
    client.ask("create topic", topic=topic, partitions=2)
    found = client.ask("describe topic", topic=topic)
    assert client.ask("describe topic by id", id=found["id"]) == found
    client.ask("delete topic by id", id=found["id"])
    assert client.error("describe topic by id", id=found["id"]) == "UNKNOWN_TOPIC_ID"
    assert topic not in client.ask("topics")


def test_a_topic_without_numbers_has_the_brokers_defaults(client: Client, topic: str) -> None:
    assert client.ask("create topic", topic=topic) == 1


def test_a_topic_that_is_only_validated_is_not_created(client: Client, topic: str) -> None:
    client.ask("create topic", topic=topic, partitions=3, **{"validate only": True})
    assert topic not in client.ask("topics")


def test_a_setting_is_reset_to_its_default(client: Client, topic: str) -> None:
    client.ask("create topic", topic=topic, configs={"retention.ms": "3600000"})
    client.ask("alter configs", topic=topic, configs={"retention.ms": None})
    assert client.ask("configs", topic=topic)["retention.ms"] == "604800000"


def test_settings_of_the_broker_are_described(client: Client) -> None:
    node = str(client.ask("cluster")["controller"])
    found = client.ask("configs", broker=node)
    assert found["auto.create.topics.enable"] == "false"


def test_a_setting_that_needs_a_restart_is_refused(client: Client) -> None:
    node = str(client.ask("cluster")["controller"])
    error = client.error("alter configs", broker=node, configs={"log.dirs": "/elsewhere"})
    assert error in {"INVALID_REQUEST", "INVALID_CONFIG"}


def test_resources_with_settings_are_listed(client: Client, topic: str) -> None:
    client.ask("create topic", topic=topic)
    node = client.ask("cluster")["controller"]
    found = client.ask("config resources")
    assert f"TOPIC:{topic}" in found
    assert f"BROKER:{node}" in found


def test_special_offsets_are_found(client: Client, topic: str) -> None:
    client.ask("create topic", topic=topic, partitions=1)
    now_ms = int(time.time() * 1000)
    aged = [{"value": "v", "timestamp": now_ms + step, "partition": 0} for step in (-300, -100, -200)]
    client.ask("produce", topic=topic, records=aged)
    assert client.ask("list offset", topic=topic, at="earliest")["offset"] == 0
    assert client.ask("list offset", topic=topic, at="earliest local")["offset"] == 0
    assert client.ask("list offset", topic=topic, at="latest")["offset"] == 3
    assert client.ask("list offset", topic=topic, at="max timestamp") == {"offset": 1, "timestamp": now_ms - 100}
    assert client.ask("list offset", topic=topic, at=now_ms - 200) == {"offset": 1, "timestamp": now_ms - 100}
    assert client.ask("list offset", topic=topic, at=now_ms)["offset"] == -1
    # Nothing is tiered here.
    assert client.ask("list offset", topic=topic, at="latest tiered")["offset"] == -1


def test_log_directories_are_described(client: Client, topic: str) -> None:
    client.ask("create topic", topic=topic, partitions=1)
    client.ask("produce", topic=topic, records=values(10))
    found = client.ask("log directories")
    assert found[f"{topic}-0"] > 100
    assert found["total"] > found[f"{topic}-0"]


def test_active_producers_are_described(client: Client, topic: str) -> None:
    client.ask("create topic", topic=topic, partitions=1)
    client.ask("produce", topic=topic, idempotent=True, records=values(10))
    assert client.ask("producers", topic=topic) == [9]


def test_the_offsets_of_a_group_are_listed_and_deleted(client: Client, topic: str) -> None:
    client.ask("create topic", topic=topic, partitions=2)
    client.ask("set group offset", topic=topic, group=topic, partition=0, offset=0)
    client.ask("set group offset", topic=topic, group=topic, partition=1, offset=0)
    assert client.ask("group offsets", group=topic) == {f"{topic}-0": 0, f"{topic}-1": 0}
    client.ask("delete group offset", topic=topic, group=topic, partition=1)
    assert client.ask("group offsets", group=topic) == {f"{topic}-0": 0}


def test_a_group_with_a_member_is_neither_deleted_nor_moved(client: Client, topic: str) -> None:
    client.ask("create topic", topic=topic, partitions=1)
    client.ask("join", topic=topic, group=topic, member="only")
    client.ask("assignments", partitions=1)
    assert client.error("delete group", group=topic) == "NON_EMPTY_GROUP"
    assert client.error("set group offset", topic=topic, group=topic, offset=0) == "UNKNOWN_MEMBER_ID"
    assert client.error("delete group offset", topic=topic, group=topic) == "GROUP_SUBSCRIBED_TO_TOPIC"
    client.ask("leave", member="only")


def test_a_group_that_is_not_there_cannot_be_deleted(client: Client) -> None:
    assert client.error("delete group", group="nobody") == "GROUP_ID_NOT_FOUND"


def test_members_that_move_partitions_cooperatively_share_them(client: Client, topic: str) -> None:
    client.ask("create topic", topic=topic, partitions=4)
    for member in ("first", "second"):
        client.ask("join", topic=topic, group=topic, member=member, settings=COOPERATIVE)
    shared = client.ask("assignments", partitions=4)
    assert sorted(len(mine) for mine in shared.values()) == [2, 2]
    described = client.ask("describe group", group=topic)
    assert (described["assignor"], described["partitions"]) == ("cooperative-sticky", 4)
    for member in ("first", "second"):
        client.ask("leave", member=member)


def test_a_static_member_keeps_its_partitions_over_a_restart(client: Client, topic: str) -> None:
    client.ask("create topic", topic=topic, partitions=2)
    static = {"group.instance.id": "static"}
    client.ask("join", topic=topic, group=topic, member="before", settings=static)
    client.ask("assignments", partitions=2)
    client.ask("leave", member="before")
    # Static members do not leave when they close: the group waits for it.
    assert client.ask("describe group", group=topic)["instances"] == ["static"]
    client.ask("join", topic=topic, group=topic, member="after", settings=static)
    assert client.ask("assignments", partitions=2) == {"after": [0, 1]}
    client.ask("leave", member="after")


def test_a_static_member_is_removed_by_hand(client: Client, topic: str) -> None:
    client.ask("create topic", topic=topic, partitions=1)
    client.ask("join", topic=topic, group=topic, member="gone", settings={"group.instance.id": "static"})
    client.ask("assignments", partitions=1)
    client.ask("leave", member="gone")
    client.ask("remove static member", group=topic, instance="static")
    assert client.ask("describe group", group=topic)["state"] == "Empty"


def test_two_static_members_of_one_name_are_fenced(client: Client, topic: str) -> None:
    client.ask("create topic", topic=topic, partitions=1)
    static = {"group.instance.id": "twin"}
    client.ask("join", topic=topic, group=topic, member="older", settings=static)
    client.ask("assignments", partitions=1)
    client.ask("join", topic=topic, group=topic, member="younger", settings=static)
    assert client.error("assignments", partitions=1) == "FENCED_INSTANCE_ID"
    client.ask("leave", member="older")
    assert client.ask("assignments", partitions=1) == {"younger": [0]}
    client.ask("leave", member="younger")


@pytest.mark.usefixtures("strict_broker")
def test_the_consumer_protocol_is_not_served_yet_and_the_client_says_so(client: Client, topic: str) -> None:
    """What is not advertised is refused by the client itself, at once and by name."""
    client.ask("create topic", topic=topic, partitions=1)
    settings = {"group.protocol": "consumer"}
    assert client.error("consume", topic=topic, group=topic, count=1, settings=settings) == "UNSUPPORTED_VERSION"


@pytest.mark.usefixtures("strict_broker")
def test_a_transactional_producer_does_not_begin_without_a_coordinator(client: Client, topic: str) -> None:
    assert client.error("begin transaction", id=topic)


def test_features_are_described(client: Client) -> None:
    assert isinstance(client.ask("features"), list)
