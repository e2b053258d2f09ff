"""kafka-consumer-groups and kafka-groups: what they show of groups, and how they move and delete offsets."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from harness.confluent import consumer, poll_until
from toolchains_harness.kafka_tools import Finished, KafkaTools

pytestmark = [pytest.mark.toolchain, pytest.mark.timeout(600)]
Tool = Callable[..., Finished]


@pytest.fixture
def groups(kafka_tools: KafkaTools, bootstrap: str) -> Tool:
    return lambda *arguments, **how: kafka_tools.run(
        "kafka-consumer-groups", "--bootstrap-server", bootstrap, *arguments, **how
    )


@pytest.fixture
def read_group(kafka_tools: KafkaTools, bootstrap: str, topic: str) -> str:
    """A group of the topic's name, without members, that has read four records of its one partition."""
    server = ("--bootstrap-server", bootstrap)
    kafka_tools.run("kafka-topics", *server, "--create", "--topic", topic)
    kafka_tools.run("kafka-console-producer", *server, "--topic", topic, typed="a\nb\nc\nd\n")
    reading = ("--group", topic, "--from-beginning", "--max-messages", "4", "--timeout-ms", "20000")
    kafka_tools.run("kafka-console-consumer", *server, "--topic", topic, *reading)
    return topic


@pytest.fixture
def live_group(kafka_tools: KafkaTools, bootstrap: str, topic: str) -> Iterator[str]:
    """A group of the topic's name with one member, which has both partitions."""
    kafka_tools.run("kafka-topics", "--bootstrap-server", bootstrap, "--create", "--topic", topic, "--partitions", "2")
    assigned: list[object] = []
    member = consumer(bootstrap, group_id=topic, client_id="a-member")
    member.subscribe([topic], on_assign=lambda _, partitions: assigned.extend(partitions))
    poll_until(member, lambda: len(assigned) == 2)
    yield topic
    member.close()


def current_offset(groups: Tool, group: str) -> str:
    [row] = groups("--describe", "--group", group).rows()
    return row["CURRENT-OFFSET"]


def test_a_group_is_listed(groups: Tool, read_group: str) -> None:
    assert read_group in groups("--list").lines


def test_groups_are_listed_by_state(groups: Tool, read_group: str) -> None:
    assert read_group in {row["GROUP"] for row in groups("--list", "--state", "empty").rows()}
    assert read_group not in {row["GROUP"] for row in groups("--list", "--state", "stable").rows()}


def test_groups_are_listed_with_their_type(kafka_tools: KafkaTools, bootstrap: str, live_group: str) -> None:
    rows = kafka_tools.run("kafka-groups", "--bootstrap-server", bootstrap, "--list").rows()
    [row] = [row for row in rows if row["GROUP"] == live_group]
    assert (row["TYPE"], row["PROTOCOL"]) == ("Classic", "consumer")


def test_offsets_and_lag_of_a_group_are_shown(groups: Tool, read_group: str) -> None:
    finished = groups("--describe", "--group", read_group, "--offsets")
    [row] = finished.rows()
    assert (row["TOPIC"], row["PARTITION"]) == (read_group, "0")
    assert (row["CURRENT-OFFSET"], row["LOG-END-OFFSET"], row["LAG"]) == ("4", "4", "0")
    assert f"Consumer group '{read_group}' has no active members." in finished.errors


def test_the_state_of_a_group_is_shown(groups: Tool, live_group: str, bootstrap: str) -> None:
    [row] = groups("--describe", "--group", live_group, "--state").rows()
    assert row["COORDINATOR"] == bootstrap
    line = groups("--describe", "--group", live_group, "--state").lines[-1].split()
    assert line[-3:] == ["range", "Stable", "1"]


def test_members_and_their_partitions_are_shown(groups: Tool, live_group: str) -> None:
    [row] = groups("--describe", "--group", live_group, "--members", "--verbose").rows()
    assert row["CLIENT-ID"] == "a-member"
    assert row["HOST"] == "/127.0.0.1"
    assert row["#PARTITIONS"] == "2"
    assert row["CURRENT-ASSIGNMENT"] == f"{live_group}:0,1" or f"{live_group}(0,1)" in " ".join(row.values())


def test_a_group_that_is_not_there_is_not_found(groups: Tool) -> None:
    finished = groups("--describe", "--group", "nobody", succeeds=False)
    assert "GroupIdNotFoundException" in finished.output + finished.errors


@pytest.mark.parametrize(
    ("target", "offset"),
    [
        (["--to-earliest"], "0"),
        (["--to-latest"], "4"),
        (["--to-offset", "2"], "2"),
        (["--shift-by", "-3"], "1"),
        (["--to-datetime", "2020-01-01T00:00:00.000"], "0"),
        (["--by-duration", "PT1H"], "0"),
        (["--to-offset", "99"], "4"),
        (["--to-current"], "4"),
    ],
    ids=lambda value: " ".join(value)[2:] if isinstance(value, list) else None,
)
def test_offsets_are_reset(groups: Tool, read_group: str, target: list[str], offset: str) -> None:
    [row] = groups("--reset-offsets", "--group", read_group, "--all-topics", *target, "--execute").rows()
    assert row["NEW-OFFSET"] == offset
    assert current_offset(groups, read_group) == offset


def test_a_dry_run_resets_nothing(groups: Tool, read_group: str) -> None:
    [row] = groups("--reset-offsets", "--group", read_group, "--topic", read_group, "--to-earliest", "--dry-run").rows()
    assert row["NEW-OFFSET"] == "0"
    assert current_offset(groups, read_group) == "4"


def test_a_consumer_resumes_where_offsets_were_reset_to(
    groups: Tool, kafka_tools: KafkaTools, bootstrap: str, read_group: str
) -> None:
    groups("--reset-offsets", "--group", read_group, "--topic", f"{read_group}:0", "--to-offset", "3", "--execute")
    resumed = kafka_tools.run(
        *("kafka-console-consumer", "--bootstrap-server", bootstrap, "--topic", read_group, "--group", read_group),
        *("--max-messages", "1", "--timeout-ms", "20000"),
    )
    assert resumed.lines == ["d"]


def test_offsets_of_a_live_group_are_not_reset(groups: Tool, live_group: str) -> None:
    finished = groups(
        "--reset-offsets", "--group", live_group, "--all-topics", "--to-earliest", "--execute", succeeds=False
    )
    said = finished.output + finished.errors
    assert "Assignments can only be reset if the group" in said
    assert "current state is Stable" in said


def test_offsets_of_a_topic_are_deleted(groups: Tool, read_group: str) -> None:
    [row] = groups("--delete-offsets", "--group", read_group, "--topic", read_group).rows()[1:]
    assert row
    finished = groups("--describe", "--group", read_group, succeeds=False)
    assert read_group not in [line.split()[0] for line in finished.lines[1:]]


def test_offsets_of_a_subscribed_topic_are_not_deleted(groups: Tool, live_group: str) -> None:
    finished = groups("--delete-offsets", "--group", live_group, "--topic", live_group, succeeds=False)
    assert "GroupSubscribedToTopicException" in finished.output + finished.errors or "subscribed" in finished.output


def test_a_group_is_deleted(groups: Tool, read_group: str) -> None:
    groups("--delete", "--group", read_group)
    assert read_group not in groups("--list").lines


def test_a_group_with_members_is_not_deleted(groups: Tool, live_group: str) -> None:
    finished = groups("--delete", "--group", live_group, succeeds=False)
    assert "GroupNotEmptyException" in finished.output + finished.errors
    assert live_group in groups("--list").lines
