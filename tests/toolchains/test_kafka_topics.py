"""kafka-topics, kafka-configs, kafka-cluster and the tools that describe a broker, as Kafka 4.3 ships them."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from toolchains_harness.kafka_tools import Finished, KafkaTools

# The first run fetches Kafka's jars.
pytestmark = [pytest.mark.toolchain, pytest.mark.timeout(600)]
Tool = Callable[..., Finished]


@pytest.fixture
def topics(kafka_tools: KafkaTools, bootstrap: str) -> Tool:
    return lambda *arguments, **how: kafka_tools.run("kafka-topics", "--bootstrap-server", bootstrap, *arguments, **how)


@pytest.fixture
def configs(kafka_tools: KafkaTools, bootstrap: str) -> Tool:
    return lambda *arguments, **how: kafka_tools.run(
        "kafka-configs", "--bootstrap-server", bootstrap, *arguments, **how
    )


def refusal(finished: Finished) -> str:
    assert finished.status != 0
    return finished.output + finished.errors


def described(finished: Finished) -> dict[str, str]:
    """name=value of each line that kafka-configs indents."""
    lines = [line.strip().split(" ")[0] for line in finished.output.splitlines() if line.startswith("  ")]
    return dict(line.split("=", 1) for line in lines)


def test_a_topic_is_created_and_listed(topics: Tool, topic: str) -> None:
    created = topics("--create", "--topic", topic, "--partitions", "3")
    assert f"Created topic {topic}." in created.output
    assert topic in topics("--list").lines


def test_a_described_topic_shows_its_partitions_leaders_and_settings(topics: Tool, topic: str) -> None:
    topics("--create", "--topic", topic, "--partitions", "2", "--config", "retention.ms=3600000")
    heading, *partitions = topics("--describe", "--topic", topic).lines
    assert "PartitionCount: 2" in heading
    assert "ReplicationFactor: 1" in heading
    assert "retention.ms=3600000" in heading
    assert re.search(r"TopicId: [\w-]{22}\t", heading)
    for number, line in enumerate(partitions):
        found = re.search(r"Partition: (\d)\tLeader: (\d+)\tReplicas: (\d+)\tIsr: (\d+)", line)
        assert found is not None
        assert int(found[1]) == number
        assert found[2] == found[3] == found[4]


def test_no_partition_of_a_single_node_is_under_replicated_or_unavailable(topics: Tool, topic: str) -> None:
    topics("--create", "--topic", topic)
    for question in ("--under-replicated-partitions", "--unavailable-partitions", "--under-min-isr-partitions"):
        assert topics("--describe", question).lines == []


def test_partitions_are_added_to_a_topic(topics: Tool, topic: str) -> None:
    topics("--create", "--topic", topic, "--partitions", "1")
    topics("--alter", "--topic", topic, "--partitions", "4")
    assert "PartitionCount: 4" in topics("--describe", "--topic", topic).output


def test_partitions_are_not_taken_away(topics: Tool, topic: str) -> None:
    topics("--create", "--topic", topic, "--partitions", "3")
    refused = topics("--alter", "--topic", topic, "--partitions", "2", succeeds=False)
    assert "InvalidPartitionsException" in refusal(refused)
    assert "PartitionCount: 3" in topics("--describe", "--topic", topic).output


def test_a_topic_is_deleted(topics: Tool, topic: str) -> None:
    topics("--create", "--topic", topic)
    topics("--delete", "--topic", topic)
    assert topic not in topics("--list").lines
    assert "does not exist" in refusal(topics("--describe", "--topic", topic, succeeds=False))


def test_a_topic_that_exists_is_not_created_again(topics: Tool, topic: str) -> None:
    topics("--create", "--topic", topic)
    refused = refusal(topics("--create", "--topic", topic, succeeds=False))
    assert "TopicExistsException" in refused
    # Scripts look for these words.
    assert f"opic '{topic}' already exists" in refused
    topics("--create", "--topic", topic, "--if-not-exists")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--topic", "white space"], "InvalidTopicException"),
        (["--topic", "a" * 250], "InvalidTopicException"),
        (["--topic", "a.b", "--replication-factor", "3"], "InvalidReplicationFactorException"),
        (["--topic", "a.b", "--replica-assignment", "7777"], "InvalidReplicaAssignmentException"),
        # These are found by the tool itself.
        (["--topic", "a.b", "--config", "retention.ms=soon"], "ConfigException"),
        (["--topic", "a.b", "--config", "segment.bytes=1"], "ConfigException"),
    ],
    ids=lambda value: " ".join(value)[8:40] if isinstance(value, list) else "",
)
def test_what_cannot_be_a_topic_is_refused(topics: Tool, arguments: list[str], error: str) -> None:
    refused = topics("--create", *arguments, succeeds=False)
    assert error in refusal(refused)


def test_a_topics_settings_are_set_and_reset(topics: Tool, configs: Tool, topic: str) -> None:
    topics("--create", "--topic", topic)
    configs("--alter", "--topic", topic, "--add-config", "cleanup.policy=[compact,delete],retention.ms=3600000")
    assert described(configs("--describe", "--topic", topic)) == {
        "cleanup.policy": "compact,delete",
        "retention.ms": "3600000",
    }
    configs("--alter", "--topic", topic, "--delete-config", "retention.ms")
    assert described(configs("--describe", "--topic", topic)) == {"cleanup.policy": "compact,delete"}


def test_all_settings_of_a_topic_have_kafkas_names_and_defaults(topics: Tool, configs: Tool, topic: str) -> None:
    topics("--create", "--topic", topic)
    found = described(configs("--describe", "--topic", topic, "--all"))
    assert len(found) > 25
    assert found["cleanup.policy"] == "delete"
    assert found["retention.ms"] == "604800000"
    assert found["max.message.bytes"] == "1048588"
    assert found["compression.type"] == "producer"
    assert found["message.timestamp.type"] == "CreateTime"


def test_a_setting_says_where_its_value_comes_from(topics: Tool, configs: Tool, topic: str) -> None:
    topics("--create", "--topic", topic, "--config", "segment.bytes=2097152")
    [line] = [line for line in configs("--describe", "--topic", topic).lines if "segment.bytes" in line]
    assert "synonyms={DYNAMIC_TOPIC_CONFIG:segment.bytes=2097152" in line
    assert "DEFAULT_CONFIG:log.segment.bytes=1073741824}" in line


def test_a_bad_value_is_refused_and_changes_nothing(topics: Tool, configs: Tool, topic: str) -> None:
    topics("--create", "--topic", topic)
    refused = configs("--alter", "--topic", topic, "--add-config", "cleanup.policy=shred", succeeds=False)
    assert "InvalidConfigurationException" in refusal(refused)
    assert described(configs("--describe", "--topic", topic)) == {}


def test_settings_of_a_topic_that_is_not_there_are_refused(configs: Tool, topic: str) -> None:
    refused = configs("--alter", "--topic", topic, "--add-config", "retention.ms=1000", succeeds=False)
    assert refused.status != 0


def broker_id(kafka_tools: KafkaTools, bootstrap: str) -> str:
    return kafka_tools.run("kafka-cluster", "list-endpoints", "--bootstrap-server", bootstrap).rows()[0]["ID"]


def test_a_brokers_settings_are_set_and_reset(kafka_tools: KafkaTools, bootstrap: str, configs: Tool) -> None:
    node = broker_id(kafka_tools, bootstrap)
    configs("--alter", "--broker", node, "--add-config", "log.retention.ms=123456789")
    assert described(configs("--describe", "--broker", node)) == {"log.retention.ms": "123456789"}
    configs("--alter", "--broker", node, "--delete-config", "log.retention.ms")
    assert described(configs("--describe", "--broker", node)) == {}


def test_settings_of_all_brokers_are_set_and_reset(configs: Tool) -> None:
    configs("--alter", "--broker-defaults", "--add-config", "log.segment.bytes=123456789")
    assert described(configs("--describe", "--broker-defaults"))["log.segment.bytes"] == "123456789"
    configs("--alter", "--broker-defaults", "--delete-config", "log.segment.bytes")
    assert "log.segment.bytes" not in described(configs("--describe", "--broker-defaults"))


def test_all_settings_of_a_broker_are_described(kafka_tools: KafkaTools, bootstrap: str, configs: Tool) -> None:
    found = described(configs("--describe", "--broker", broker_id(kafka_tools, bootstrap), "--all"))
    assert len(found) > 40
    assert found["auto.create.topics.enable"] == "false"
    assert found["num.partitions"] == "1"


def test_the_cluster_has_an_id(kafka_tools: KafkaTools, bootstrap: str) -> None:
    found = kafka_tools.run("kafka-cluster", "cluster-id", "--bootstrap-server", bootstrap)
    assert re.fullmatch(r"Cluster ID: [\w-]{22}", found.lines[-1])


def test_the_cluster_lists_its_broker(kafka_tools: KafkaTools, bootstrap: str) -> None:
    [node] = kafka_tools.run("kafka-cluster", "list-endpoints", "--bootstrap-server", bootstrap).rows()
    assert f"{node['HOST']}:{node['PORT']}" == bootstrap
    assert node["STATE"] == "unfenced"


def test_every_api_that_is_served_is_usable_by_kafkas_clients(kafka_tools: KafkaTools, bootstrap: str) -> None:
    found = kafka_tools.run("kafka-broker-api-versions", "--bootstrap-server", bootstrap).output
    usable = dict(re.findall(r"\t(\w+)\(\d+\): [\d to]+ \[usable: (\d+)\]", found))
    assert {"Produce", "Fetch", "Metadata", "JoinGroup", "CreateTopics", "DescribeTopicPartitions"} <= set(usable)
    assert usable["Produce"] == "13"
    assert usable["Fetch"] == "18"
    # The heading of a served API that the client cannot use.
    assert "NONE" not in found


@pytest.mark.usefixtures("strict_broker")
def test_the_quorum_is_not_served_and_the_tool_says_so(kafka_tools: KafkaTools, bootstrap: str) -> None:
    refused = kafka_tools.run(
        "kafka-metadata-quorum", "--bootstrap-server", bootstrap, "describe", "--status", succeeds=False
    )
    assert "UnsupportedVersionException: The node does not support DESCRIBE_QUORUM" in refusal(refused)
