"""confluent-kafka's AdminClient: groups and their committed offsets."""

from __future__ import annotations

from confluent_kafka import OFFSET_INVALID, ConsumerGroupState, ConsumerGroupTopicPartitions, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient
from harness.broker_process import BrokerProcess
from harness.confluent import DEADLINE_S, consumer, create_topic, deliver, producer, take
from harness.confluent_admin import refusal, result


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
