"""kafka-python 3.x's KafkaAdminClient: every call that one node can answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from harness.broker_process import BrokerProcess
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic, OffsetSpec
from kafka.errors import (
    InvalidConfigurationError,
    InvalidPartitionsError,
    InvalidReplicationFactorError,
    InvalidTopicError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
)

DEADLINE_S = 30.0


@pytest.fixture
def admin(broker: BrokerProcess) -> Iterator[Any]:
    client = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    yield client
    client.close()


def fill(broker: BrokerProcess, topic: str, count: int) -> None:
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap)
    for n in range(count):
        producer.send(topic, b"%d" % n, partition=0, timestamp_ms=1_000_000 + n)
    producer.close()


def test_topics_are_created_listed_described_and_deleted(admin: Any, topic: str) -> None:
    admin.create_topics([NewTopic(topic, 3, 1, topic_configs={"retention.ms": "3600000"})])

    assert topic in admin.list_topics()
    [described] = admin.describe_topics([topic])
    assert [partition["partition_index"] for partition in described["partitions"]] == [0, 1, 2]
    admin.delete_topics([topic])
    assert topic not in admin.list_topics()


@pytest.mark.parametrize(
    ("new", "error"),
    [
        (("bad/name", 1, 1, {}), InvalidTopicError),
        (("zero-partitions", 0, 1, {}), InvalidPartitionsError),
        (("three-replicas", 1, 3, {}), InvalidReplicationFactorError),
        (("bad-value", 1, 1, {"retention.ms": "soon"}), InvalidConfigurationError),
        (("bad-name-of-config", 1, 1, {"no.such": "1"}), InvalidConfigurationError),
    ],
)
def test_a_topic_that_cannot_be(admin: Any, new: tuple[str, int, int, dict[str, str]], error: type) -> None:
    name, partitions, replicas, configs = new

    with pytest.raises(error):
        admin.create_topics([NewTopic(name, partitions, replicas, topic_configs=configs)])

    assert name not in admin.list_topics()


def test_a_topic_that_is_there_already(admin: Any, topic: str) -> None:
    admin.create_topics([NewTopic(topic, 1, 1)])

    with pytest.raises(TopicAlreadyExistsError):
        admin.create_topics([NewTopic(topic, 1, 1)])


def test_deleting_what_is_not_there(admin: Any, topic: str) -> None:
    with pytest.raises(UnknownTopicOrPartitionError):
        admin.delete_topics([topic])


def test_partitions_are_added(admin: Any, topic: str) -> None:
    admin.create_topics([NewTopic(topic, 2, 1)])

    admin.create_partitions({topic: NewPartitions(4)})

    assert len(admin.describe_topics([topic])[0]["partitions"]) == 4
    with pytest.raises(InvalidPartitionsError):
        admin.create_partitions({topic: NewPartitions(3)})


@pytest.mark.parametrize("incremental", [True, False])
def test_configs_are_altered_and_described(admin: Any, topic: str, incremental: bool) -> None:
    admin.create_topics([NewTopic(topic, 1, 1)])
    resource = ConfigResource(ConfigResourceType.TOPIC, topic, configs={"retention.ms": "7200000"})

    admin.alter_configs([resource], incremental=incremental)

    described = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)], config_filter="all")
    retention = described["topic"][topic]["retention.ms"]
    assert (retention["value"], retention["config_source"]) == ("7200000", "DYNAMIC_TOPIC_CONFIG")


def test_records_are_deleted_and_offsets_listed(admin: Any, broker: BrokerProcess, topic: str) -> None:
    admin.create_topics([NewTopic(topic, 1, 1)])
    fill(broker, topic, 10)
    partition = TopicPartition(topic, 0)

    admin.delete_records({partition: 4})

    def offset(spec: Any) -> int:
        return int(admin.list_partition_offsets({partition: spec})[partition].offset)

    assert offset(OffsetSpec.EARLIEST) == 4
    assert offset(OffsetSpec.LATEST) == 10
    assert offset(OffsetSpec.MAX_TIMESTAMP) == 9


def test_groups_are_listed_described_altered_and_deleted(admin: Any, broker: BrokerProcess, topic: str) -> None:
    admin.create_topics([NewTopic(topic, 1, 1)])
    fill(broker, topic, 10)
    partition = TopicPartition(topic, 0)
    consumer = KafkaConsumer(topic, bootstrap_servers=broker.bootstrap, group_id=topic, auto_offset_reset="earliest")
    while not consumer.poll(timeout_ms=int(DEADLINE_S * 1000)):
        pass
    consumer.commit()

    described = admin.describe_groups([topic])[topic]
    assert described["group_state"] == "Stable"
    assert len(described["members"]) == 1
    assert admin.delete_groups([topic]) == {topic: "NonEmptyGroupError"}
    consumer.close()

    assert topic in {group["group_id"] for group in admin.list_groups(states_filter=["Empty"])}
    assert admin.list_group_offsets({topic: None})[topic][partition].offset == 10
    admin.alter_group_offsets(topic, {partition: OffsetAndMetadata(3, "", -1)})
    assert admin.list_group_offsets({topic: None})[topic][partition].offset == 3
    admin.delete_group_offsets(topic, [partition])
    assert partition not in admin.list_group_offsets({topic: None})[topic]
    admin.delete_groups([topic])
    assert topic not in {group["group_id"] for group in admin.list_groups()}


def test_the_cluster_its_directories_and_producers_are_described(admin: Any, broker: BrokerProcess, topic: str) -> None:
    admin.create_topics([NewTopic(topic, 1, 1)])
    fill(broker, topic, 10)

    cluster = admin.describe_cluster()
    assert len(cluster["brokers"]) == 1
    assert cluster["cluster_id"]
    assert topic in str(admin.describe_log_dirs())
    [state] = admin.describe_producers([TopicPartition(topic, 0)]).values()
    assert [producer.last_sequence for producer in state.active_producers] == [9]
    assert topic in str(admin.describe_topic_partitions([topic]))
    assert topic in admin.list_config_resources()["topic"]
