"""confluent-kafka's AdminClient: topics, partitions, configs, groups, offsets, records and the cluster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import (
    OFFSET_INVALID,
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)
from harness.broker_process import BrokerProcess
from harness.confluent import (
    DEADLINE_S,
    consumer,
    create_topic,
    deliver,
    poll_until,
    producer,
    read_partition,
    take,
)


@pytest.fixture
def admin(broker: BrokerProcess) -> Iterator[AdminClient]:
    yield AdminClient({"bootstrap.servers": broker.bootstrap})


def result(futures: dict[Any, Any]) -> Any:
    """The result of a call about one thing."""
    [future] = futures.values()
    return future.result(DEADLINE_S)


def refusal(futures: dict[Any, Any]) -> KafkaError:
    with pytest.raises(KafkaException) as refused:
        result(futures)
    return refused.value.args[0]


def configs_of(admin: AdminClient, kind: ResourceType, name: str) -> dict[str, ConfigEntry]:
    return result(admin.describe_configs([ConfigResource(kind, name)]))  # type: ignore[no-any-return]


def test_a_topic_is_created_described_and_deleted(admin: AdminClient, topic: str) -> None:
    result(admin.create_topics([NewTopic(topic, 3, 1, config={"retention.ms": "3600000"})]))

    described = result(admin.describe_topics(TopicCollection([topic])))
    assert described.name == topic
    assert [partition.id for partition in described.partitions] == [0, 1, 2]
    assert all(
        partition.leader.id == partition.replicas[0].id == partition.isr[0].id for partition in described.partitions
    )
    assert topic in admin.list_topics(timeout=DEADLINE_S).topics
    result(admin.delete_topics([topic]))
    assert topic not in admin.list_topics(timeout=DEADLINE_S).topics
    with pytest.raises(KafkaException) as gone:
        result(admin.describe_topics(TopicCollection([topic])))
    assert gone.value.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART


def test_a_deleted_topic_can_be_created_again_and_is_empty(
    admin: AdminClient, broker: BrokerProcess, topic: str
) -> None:
    create_topic(broker.bootstrap, topic)
    deliver(producer(broker.bootstrap), topic, [{"value": b"old"}])
    result(admin.delete_topics([topic]))

    create_topic(broker.bootstrap, topic)

    deliver(producer(broker.bootstrap), topic, [{"value": b"new"}])
    assert [record.value() for record in read_partition(broker.bootstrap, topic)] == [b"new"]


def test_a_topic_that_is_there_cannot_be_created(admin: AdminClient, broker: BrokerProcess, topic: str) -> None:
    create_topic(broker.bootstrap, topic)

    assert refusal(admin.create_topics([NewTopic(topic, 1, 1)])).code() == KafkaError.TOPIC_ALREADY_EXISTS


def test_of_several_topics_each_has_its_own_answer(admin: AdminClient, broker: BrokerProcess, topic: str) -> None:
    create_topic(broker.bootstrap, topic)
    names = [topic, f"{topic}.new", "not/valid", f"{topic}.bad-config", f"{topic}.new2"]
    new = [NewTopic(name, 2, 1) for name in names]
    new[3] = NewTopic(names[3], 1, 1, config={"retention.ms": "soon"})

    futures = admin.create_topics(new)

    errors = {name: future.exception(DEADLINE_S) for name, future in futures.items()}
    codes = {name: error and error.args[0].code() for name, error in errors.items()}
    assert codes == {
        names[0]: KafkaError.TOPIC_ALREADY_EXISTS,
        names[1]: None,
        names[2]: KafkaError.TOPIC_EXCEPTION,
        names[3]: KafkaError.INVALID_CONFIG,
        names[4]: None,
    }
    for created in (names[1], names[4]):
        deliver(producer(broker.bootstrap), created, [{"value": b"x", "partition": 1}])


@pytest.mark.parametrize("name", [".", "..", "with space", "a" * 250, "ü"])
def test_a_name_that_kafka_refuses(admin: AdminClient, name: str) -> None:
    assert refusal(admin.create_topics([NewTopic(name, 1, 1)])).code() == KafkaError.TOPIC_EXCEPTION


def test_numbers_that_cannot_be(admin: AdminClient, topic: str) -> None:
    def code(partitions: int, replicas: int) -> int:
        return int(refusal(admin.create_topics([NewTopic(topic, partitions, replicas)])).code())

    assert code(0, 1) == KafkaError.INVALID_PARTITIONS
    assert code(1, 3) == KafkaError.INVALID_REPLICATION_FACTOR
    assert topic not in admin.list_topics(timeout=DEADLINE_S).topics


def test_validate_only_creates_nothing(admin: AdminClient, topic: str) -> None:
    result(admin.create_topics([NewTopic(topic, 1, 1)], validate_only=True))

    assert topic not in admin.list_topics(timeout=DEADLINE_S).topics


def test_defaults_are_used_where_the_client_gives_none(admin: AdminClient, topic: str) -> None:
    result(admin.create_topics([NewTopic(topic)]))

    assert len(admin.list_topics(topic, timeout=DEADLINE_S).topics[topic].partitions) == 1


def test_deleting_a_topic_that_is_not_there(admin: AdminClient, topic: str) -> None:
    assert refusal(admin.delete_topics([topic])).code() == KafkaError.UNKNOWN_TOPIC_OR_PART


def test_partitions_are_added_and_never_taken_away(admin: AdminClient, broker: BrokerProcess, topic: str) -> None:
    create_topic(broker.bootstrap, topic, 2)

    result(admin.create_partitions([NewPartitions(topic, 5)]))

    assert len(admin.list_topics(topic, timeout=DEADLINE_S).topics[topic].partitions) == 5
    deliver(producer(broker.bootstrap), topic, [{"value": b"x", "partition": 4}])
    assert refusal(admin.create_partitions([NewPartitions(topic, 5)])).code() == KafkaError.INVALID_PARTITIONS
    assert refusal(admin.create_partitions([NewPartitions(topic, 3)])).code() == KafkaError.INVALID_PARTITIONS
    missing = refusal(admin.create_partitions([NewPartitions(f"{topic}.none", 3)]))
    assert missing.code() == KafkaError.UNKNOWN_TOPIC_OR_PART


def test_topic_configs_are_described_with_their_source(admin: AdminClient, broker: BrokerProcess, topic: str) -> None:
    create_topic(broker.bootstrap, topic, configs={"cleanup.policy": "compact"})

    configs = configs_of(admin, ResourceType.TOPIC, topic)

    assert configs["cleanup.policy"].value == "compact"
    assert configs["cleanup.policy"].source == ConfigSource.DYNAMIC_TOPIC_CONFIG.value
    assert configs["retention.ms"].value == "604800000"
    assert configs["retention.ms"].is_default
    assert configs["retention.ms"].source == ConfigSource.DEFAULT_CONFIG.value
    assert "log.cleanup.policy" in set(configs["cleanup.policy"].synonyms)


def test_topic_configs_are_altered_incrementally(admin: AdminClient, broker: BrokerProcess, topic: str) -> None:
    create_topic(broker.bootstrap, topic, configs={"retention.ms": "1000000", "cleanup.policy": "delete"})

    def alter(name: str, operation: AlterConfigOpType, value: str | None = None) -> dict[Any, Any]:
        entry = ConfigEntry(name, value, incremental_operation=operation)
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
        return admin.incremental_alter_configs([resource])  # type: ignore[no-any-return]

    result(alter("max.message.bytes", AlterConfigOpType.SET, "2000"))
    result(alter("cleanup.policy", AlterConfigOpType.APPEND, "compact"))
    result(alter("retention.ms", AlterConfigOpType.DELETE))

    configs = configs_of(admin, ResourceType.TOPIC, topic)
    assert configs["max.message.bytes"].value == "2000"
    assert configs["cleanup.policy"].value == "delete,compact"
    assert configs["retention.ms"].value == "604800000"
    assert refusal(alter("segment.bytes", AlterConfigOpType.SET, "many")).code() == KafkaError.INVALID_CONFIG
    assert refusal(alter("no.such.config", AlterConfigOpType.SET, "1")).code() == KafkaError.INVALID_CONFIG
    with pytest.raises(KafkaException):  # and the broker obeys the new limit from now on
        deliver(producer(broker.bootstrap), topic, [{"value": b"x" * 3000}])


def test_altering_all_configs_at_once_drops_what_is_not_named(
    admin: AdminClient, broker: BrokerProcess, topic: str
) -> None:
    create_topic(broker.bootstrap, topic, configs={"retention.ms": "1000000"})

    result(admin.alter_configs([ConfigResource(ResourceType.TOPIC, topic, set_config={"segment.ms": "60000"})]))

    configs = configs_of(admin, ResourceType.TOPIC, topic)
    assert configs["segment.ms"].value == "60000"
    assert configs["retention.ms"].value == "604800000"


def test_the_brokers_own_configs_are_described(admin: AdminClient) -> None:
    [node_id] = admin.list_topics(timeout=DEADLINE_S).brokers

    configs = configs_of(admin, ResourceType.BROKER, str(node_id))

    # ksqlDB reads this one and dies of null where it is missing.
    assert configs["default.replication.factor"].value == "1"
    assert configs["group.initial.rebalance.delay.ms"].value == "0"
    assert configs["group.initial.rebalance.delay.ms"].source == ConfigSource.STATIC_BROKER_CONFIG.value


def test_configs_of_a_topic_that_is_not_there(admin: AdminClient, topic: str) -> None:
    refused = refusal(admin.describe_configs([ConfigResource(ResourceType.TOPIC, topic)]))

    assert refused.code() == KafkaError.UNKNOWN_TOPIC_OR_PART


def test_the_cluster_is_described(admin: AdminClient, broker: BrokerProcess) -> None:
    cluster = admin.describe_cluster(request_timeout=DEADLINE_S).result(DEADLINE_S)

    [node] = cluster.nodes
    assert f"{node.host}:{node.port}" == broker.bootstrap
    assert cluster.controller.id == node.id
    assert cluster.cluster_id == admin.cluster_id(timeout=DEADLINE_S)
    assert len(cluster.cluster_id) == 22


def test_offsets_of_partitions_by_every_special_timestamp(
    admin: AdminClient, broker: BrokerProcess, topic: str
) -> None:
    create_topic(broker.bootstrap, topic)
    stamps = [5000, 9000, 7000]
    deliver(producer(broker.bootstrap), topic, ({"value": b"x", "timestamp": stamp} for stamp in stamps))
    partition = TopicPartition(topic, 0)

    def offset(spec: OffsetSpec, isolation: IsolationLevel = IsolationLevel.READ_UNCOMMITTED) -> int:
        return int(result(admin.list_offsets({partition: spec}, isolation_level=isolation)).offset)

    assert offset(OffsetSpec.earliest()) == 0
    assert offset(OffsetSpec.latest()) == 3
    assert offset(OffsetSpec.latest(), IsolationLevel.READ_COMMITTED) == 3
    assert offset(OffsetSpec.max_timestamp()) == 1
    assert offset(OffsetSpec.for_timestamp(6000)) == 1
    assert offset(OffsetSpec.for_timestamp(9001)) == -1


def test_records_are_deleted_up_to_an_offset(admin: AdminClient, broker: BrokerProcess, topic: str) -> None:
    create_topic(broker.bootstrap, topic)
    client = producer(broker.bootstrap)
    for n in range(10):
        deliver(client, topic, [{"value": b"%d" % n}])

    deleted = result(admin.delete_records([TopicPartition(topic, 0, 6)]))

    assert deleted.low_watermark == 6
    assert [int(record.value()) for record in read_partition(broker.bootstrap, topic)] == [6, 7, 8, 9]
    refused = refusal(admin.delete_records([TopicPartition(topic, 0, 11)]))
    assert refused.code() == KafkaError.OFFSET_OUT_OF_RANGE
    assert result(admin.delete_records([TopicPartition(topic, 0, -1)])).low_watermark == 10


def test_a_group_is_listed_and_described_while_it_lives_and_deleted_after(
    admin: AdminClient, broker: BrokerProcess, topic: str
) -> None:
    create_topic(broker.bootstrap, topic, 2)
    deliver(producer(broker.bootstrap), topic, [{"value": b"x"}])
    reader = consumer(broker.bootstrap, group_id=topic, client_id="me", partition_assignment_strategy="range")
    reader.subscribe([topic])
    take(reader, 1)
    reader.commit(asynchronous=False)

    described = result(admin.describe_consumer_groups([topic]))
    assert described.state == ConsumerGroupState.STABLE
    assert described.partition_assignor == "range"
    [member] = described.members
    assert member.client_id == "me"
    assert member.host.endswith("127.0.0.1")
    assert {(part.topic, part.partition) for part in member.assignment.topic_partitions} == {(topic, 0), (topic, 1)}
    stable = admin.list_consumer_groups(states={ConsumerGroupState.STABLE}).result(DEADLINE_S).valid
    assert topic in {group.group_id for group in stable}
    assert refusal(admin.delete_consumer_groups([topic])).code() == KafkaError.NON_EMPTY_GROUP
    reader.close()

    empty = admin.list_consumer_groups(states={ConsumerGroupState.EMPTY}).result(DEADLINE_S).valid
    assert topic in {group.group_id for group in empty}
    result(admin.delete_consumer_groups([topic]))
    assert topic not in {group.group_id for group in admin.list_consumer_groups().result(DEADLINE_S).valid}
    assert refusal(admin.delete_consumer_groups([topic])).code() == KafkaError.GROUP_ID_NOT_FOUND


def test_offsets_of_a_group_are_read_and_altered_when_nobody_is_in_it(
    admin: AdminClient, broker: BrokerProcess, topic: str
) -> None:
    create_topic(broker.bootstrap, topic, 2)
    deliver(producer(broker.bootstrap), topic, ({"value": b"%d" % n, "partition": 0} for n in range(10)))
    parts = [TopicPartition(topic, 0, 4), TopicPartition(topic, 1, 0)]
    result(admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(topic, parts)]))

    listed = result(admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(topic)]))
    assert {(part.partition, part.offset) for part in listed.topic_partitions} == {(0, 4), (1, 0)}
    # A group that only ever had offsets set is listed like any other.
    assert topic in {group.group_id for group in admin.list_consumer_groups().result(DEADLINE_S).valid}
    reader = consumer(broker.bootstrap, group_id=topic)
    reader.subscribe([topic])
    assert [int(record.value()) for record in take(reader, 6)] == [4, 5, 6, 7, 8, 9]
    refused = result(admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(topic, parts[:1])]))
    assert [part.error.code() for part in refused.topic_partitions] == [KafkaError.UNKNOWN_MEMBER_ID]
    reader.close()


def test_a_partition_without_a_committed_offset_is_listed_as_such(
    admin: AdminClient, broker: BrokerProcess, topic: str
) -> None:
    create_topic(broker.bootstrap, topic)
    asked = ConsumerGroupTopicPartitions(topic, [TopicPartition(topic, 0)])

    [partition] = result(admin.list_consumer_group_offsets([asked])).topic_partitions

    assert partition.offset == OFFSET_INVALID
    assert partition.error is None


def test_a_group_nobody_knows_is_described_as_dead(admin: AdminClient, topic: str) -> None:
    """DescribeGroups from version 6 says GROUP_ID_NOT_FOUND instead; librdkafka asks an older one."""
    assert result(admin.describe_consumer_groups([topic])).state == ConsumerGroupState.DEAD


def test_topics_in_use_are_followed_through_deletion_by_their_readers(
    admin: AdminClient, broker: BrokerProcess, topic: str
) -> None:
    create_topic(broker.bootstrap, topic)
    client = producer(broker.bootstrap)
    deliver(client, topic, [{"value": b"x"}])
    reader = consumer(broker.bootstrap, group_id=topic)
    reader.subscribe([topic])
    take(reader, 1)
    result(admin.delete_topics([topic]))
    errors: list[int] = []

    while not errors:
        message = reader.poll(DEADLINE_S)
        assert message is not None, "the reader was not told"
        errors.append(message.error().code())

    assert errors == [KafkaError.UNKNOWN_TOPIC_OR_PART]
    reader.unsubscribe()
    reader.subscribe([f"{topic}.next"])
    create_topic(broker.bootstrap, f"{topic}.next")
    deliver(client, f"{topic}.next", [{"value": b"y"}])
    seen: list[bytes] = []
    poll_until(reader, lambda: seen == [b"y"], lambda record: seen.append(record.value()))
    reader.close()
