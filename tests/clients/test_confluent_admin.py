"""confluent-kafka's AdminClient: topics, partitions, records and the cluster."""

from __future__ import annotations

import pytest
from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic, OffsetSpec
from harness.broker_process import BrokerProcess
from harness.confluent import DEADLINE_S, consumer, create_topic, deliver, poll_until, producer, read_partition, take
from harness.confluent_admin import refusal, result


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
