"""The image is what the records add up to, however they are cut into deltas, snapshots and restarts."""

from __future__ import annotations

from collections.abc import Callable

from harness.metadata_node import CountingUuids, registration
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.config import validate_topic_configs
from broker.controller import (
    NewPartitions,
    NewTopic,
    TopicDefaults,
    decide_create_partitions,
    decide_create_topics,
    decide_delete_topics,
)
from broker.metadata import (
    EMPTY_IMAGE,
    NO_LEADER,
    RESOURCE_BROKER,
    RESOURCE_TOPIC,
    BrokerChangeRecord,
    ClusterIdRecord,
    ConfigRecord,
    FeatureLevelRecord,
    MetadataDelta,
    MetadataImage,
    MetadataPublisher,
    MetadataRecord,
    PartitionChangeRecord,
    ProducerIdsRecord,
    UnregisterBrokerRecord,
    decode_records,
    decode_snapshot,
    encode_records,
    encode_snapshot,
)

Entry = list[MetadataRecord]
Operation = tuple[str, int, int]

NAMES = ["a", "a.b", "a_b", "orders", "__consumer_offsets", "x-y.z"]

operations = st.lists(
    st.tuples(
        st.sampled_from(
            ["create", "delete", "grow", "config", "broker", "fence", "unregister", "ids", "change", "feature"]
        ),
        st.integers(0, len(NAMES) - 1),
        st.integers(0, 4),
    ),
    max_size=40,
)


def apply(image: MetadataImage, entries: list[Entry]) -> MetadataImage:
    delta = MetadataDelta(image)
    for entry in entries:
        delta.replay_all(entry)
    return delta.complete(image.metadata_offset + len(entries))


def decide(image: MetadataImage, operation: Operation, make_uuid: Callable[[], bytes]) -> Entry:
    """What a controller would have written for this operation; nothing where it would refuse."""
    kind, choice, number = operation
    name = NAMES[choice]
    topic = image.topics_by_name.get(name)
    broker = image.brokers.get(number)
    if kind == "create":
        configs = {"retention.ms": str(number)} if number else {}
        return decide_create_topics(
            image,
            [NewTopic(name, number + 1, 1, configs=configs)],
            defaults=TopicDefaults(1, 1),
            validate_configs=validate_topic_configs,
            make_uuid=make_uuid,
        ).records
    if kind == "delete":
        return decide_delete_topics(image, names=[name], topic_ids=[])[0]
    if kind == "grow":
        return decide_create_partitions(image, [NewPartitions(name, number + 2)])[0]
    if kind == "config" and topic is not None:
        return [ConfigRecord(RESOURCE_TOPIC, name, "segment.ms", str(number) if number else None)]
    if kind == "config":
        return [ConfigRecord(RESOURCE_BROKER, "", "log.retention.ms", str(number) if number else None)]
    if kind == "broker":
        return [registration(number, rack=name)]
    if kind == "fence" and broker is not None:
        return [BrokerChangeRecord(number, broker.broker_epoch, fenced=not broker.fenced)]
    if kind == "unregister" and broker is not None:
        return [UnregisterBrokerRecord(number, broker.broker_epoch)]
    if kind == "ids":
        return [ProducerIdsRecord(1, 1, image.next_producer_id + 1000)]
    if kind == "change" and topic is not None:
        partition = topic.partitions[number % len(topic.partitions)]
        leader = NO_LEADER if partition.leader != NO_LEADER else partition.isr[0]
        return [PartitionChangeRecord(topic.topic_id, partition.partition, leader=leader)]
    if kind == "feature":
        return [FeatureLevelRecord("metadata.version", number)]
    return []


def history(operations: list[Operation]) -> list[Entry]:
    """Entries as they would stand in a log, from the beginning of a cluster of one broker."""
    make_uuid = CountingUuids()
    entries: list[Entry] = [[ClusterIdRecord("c" * 22)], [registration(9)]]
    image = apply(EMPTY_IMAGE, entries)
    for operation in operations:
        entry = decide(image, operation, make_uuid)
        if entry:
            entries.append(entry)
            image = apply(image, [entry])
    return entries


@given(operations)
@settings(max_examples=150, deadline=None)
def test_entries_applied_one_by_one_or_together_give_the_same_image(operations: list[Operation]) -> None:
    entries = history(operations)
    one_by_one = EMPTY_IMAGE
    for entry in entries:
        one_by_one = apply(one_by_one, [entry])
    assert one_by_one == apply(EMPTY_IMAGE, entries)


@given(operations, st.data())
@settings(max_examples=150, deadline=None)
def test_a_snapshot_of_any_prefix_and_the_rest_give_the_same_image(
    operations: list[Operation], data: st.DataObject
) -> None:
    entries = history(operations)
    cut = data.draw(st.integers(0, len(entries)))
    offset, records = decode_snapshot(encode_snapshot(apply(EMPTY_IMAGE, entries[:cut])))
    delta = MetadataDelta(EMPTY_IMAGE)
    delta.replay_all(records)
    image = delta.complete(offset)
    assert image == apply(EMPTY_IMAGE, entries[:cut])
    assert apply(image, entries[cut:]) == apply(EMPTY_IMAGE, entries)


@given(operations)
@settings(max_examples=100, deadline=None)
def test_entries_come_back_from_their_bytes(operations: list[Operation]) -> None:
    for entry in history(operations):
        assert decode_records(encode_records(entry)) == entry


@given(operations, st.data())
@settings(max_examples=150, deadline=None)
def test_a_delta_names_exactly_what_differs(operations: list[Operation], data: st.DataObject) -> None:
    entries = history(operations)
    cut = data.draw(st.integers(0, len(entries)))
    before = apply(EMPTY_IMAGE, entries[:cut])
    delta = MetadataDelta(before)
    for entry in entries[cut:]:
        delta.replay_all(entry)
    after = delta.complete(len(entries))
    old, new = before.topics_by_id, after.topics_by_id
    assert {t.topic_id for t in delta.created_topics} == new.keys() - old.keys()
    assert {t.topic_id for t in delta.deleted_topics} == old.keys() - new.keys()
    assert all(new[t.topic_id] is t for t in delta.created_topics)
    changed = {(c.topic.topic_id, c.partition.partition) for c in delta.partition_changes}
    differing = {
        (topic_id, p.partition)
        for topic_id in old.keys() & new.keys()
        for p in new[topic_id].partitions
        if p not in old[topic_id].partitions
    }
    assert differing <= changed
    assert {topic_id for topic_id, _ in changed} <= old.keys() & new.keys()
    kept = [t.name for t in new.values() if t.topic_id in old]
    config_changes = {name for name in kept if before.topic_configs(name) != after.topic_configs(name)}
    assert config_changes <= {name for kind, name in delta.changed_configs if kind == RESOURCE_TOPIC}


@given(operations)
@settings(max_examples=100, deadline=None)
def test_names_ids_and_collision_keys_stay_in_step(operations: list[Operation]) -> None:
    image = apply(EMPTY_IMAGE, history(operations))
    assert {t.topic_id: t for t in image.topics_by_name.values()} == dict(image.topics_by_id)
    assert all(name == topic.name for name, topic in image.topics_by_name.items())
    assert {n for n in image.topics_by_name if "." in n or "_" in n} == set(image.names_by_collision_key.values())
    for topic in image.topics_by_name.values():
        assert [p.partition for p in topic.partitions] == list(range(len(topic.partitions)))


def test_subscribers_are_called_in_order_with_the_image_already_moved() -> None:
    publisher = MetadataPublisher()
    calls: list[str] = []
    publisher.subscribe(lambda delta, image: calls.append("first" if image is publisher.image else "too early"))
    publisher.subscribe(lambda delta, image: calls.append("second"))
    publisher.apply([[registration(1)], [registration(2)]], 2)
    assert calls == ["first", "second"]
    assert publisher.image.metadata_offset == 2


def test_an_image_does_not_change_when_a_later_one_is_made() -> None:
    entries = history([("create", 0, 3), ("config", 0, 2)])
    image = apply(EMPTY_IMAGE, entries)
    topic, configs = image.topics_by_name["a"], dict(image.topic_configs("a"))
    apply(image, [[ConfigRecord(RESOURCE_TOPIC, "a", "segment.ms", "9")]])
    apply(image, [decide_delete_topics(image, names=["a"], topic_ids=[])[0]])
    assert image.topics_by_name["a"] is topic
    assert image.topic_configs("a") == configs
