"""Metadata records as bytes: stable over versions, and refused where they are not known."""

from __future__ import annotations

import msgspec
import pytest
from harness.metadata_node import registration

from broker.metadata import (
    NO_LEADER,
    MetadataDelta,
    PartitionChangeRecord,
    PartitionRecord,
    RemoveTopicRecord,
    TopicRecord,
    UnknownMetadata,
    decode_records,
    encode_records,
)
from broker.metadata.image import EMPTY_IMAGE
from broker.metadata.records import FORMAT_VERSION


def test_the_bytes_of_an_entry_are_those_of_format_1() -> None:
    """A change here is a new format: logs of earlier versions are read by these bytes."""
    entry = encode_records([TopicRecord("a", b"i" * 16), PartitionRecord(b"i" * 16, 0, [1, 2], [1], 1)])
    assert msgspec.msgpack.decode(entry) == [
        1,
        [
            {"kind": "topic", "name": "a", "topic_id": b"i" * 16},
            {
                "kind": "partition",
                "topic_id": b"i" * 16,
                "partition": 0,
                "replicas": [1, 2],
                "isr": [1],
                "leader": 1,
            },
        ],
    ]


def test_an_endpoint_is_an_array() -> None:
    (record,) = msgspec.msgpack.decode(encode_records([registration(1)]))[1]
    assert record["endpoints"] == [["PLAINTEXT", "host-1", 9092]]


def test_a_kind_that_is_not_known_is_refused() -> None:
    entry = msgspec.msgpack.encode([FORMAT_VERSION, [{"kind": "teleport", "to": "x"}]])
    with pytest.raises(UnknownMetadata, match="teleport"):
        decode_records(entry)


def test_a_field_that_is_not_known_is_refused() -> None:
    entry = msgspec.msgpack.encode([FORMAT_VERSION, [{"kind": "remove_topic", "topic_id": b"", "why": "x"}]])
    with pytest.raises(UnknownMetadata, match="why"):
        decode_records(entry)


def test_a_newer_format_is_refused_before_its_records_are_looked_at() -> None:
    entry = msgspec.msgpack.encode([FORMAT_VERSION + 1, "anything"])
    with pytest.raises(UnknownMetadata, match=f"format {FORMAT_VERSION + 1}"):
        decode_records(entry)


@pytest.mark.parametrize("payload", [b"", b"\x90", b"\x01", b"\x92\x01", b"\x92\x01\x91\x80", b"\xc1"])
def test_bytes_that_are_no_entry_are_refused(payload: bytes) -> None:
    with pytest.raises(UnknownMetadata):
        decode_records(payload)


def test_a_new_leader_raises_the_leader_epoch_and_any_change_the_partition_epoch() -> None:
    topic_id = b"i" * 16
    delta = MetadataDelta(EMPTY_IMAGE)
    delta.replay_all([TopicRecord("a", topic_id), PartitionRecord(topic_id, 0, [1, 2], [1, 2], 1)])
    delta.replay(PartitionChangeRecord(topic_id, 0, isr=[1]))
    delta.replay(PartitionChangeRecord(topic_id, 0, leader=NO_LEADER))
    delta.replay(PartitionChangeRecord(topic_id, 0, leader=1))
    partition = delta.complete(1).topics_by_name["a"].partitions[0]
    assert (partition.leader, partition.leader_epoch, partition.partition_epoch) == (1, 2, 3)
    assert (partition.isr, partition.replicas) == ((1,), (1, 2))


def test_a_topic_created_and_removed_in_one_delta_appears_nowhere() -> None:
    topic_id = b"i" * 16
    delta = MetadataDelta(EMPTY_IMAGE)
    delta.replay_all([TopicRecord("a.b", topic_id), PartitionRecord(topic_id, 0, [1], [1], 1)])
    delta.replay(RemoveTopicRecord(topic_id))
    image = delta.complete(1)
    assert not image.topics_by_name
    assert not image.names_by_collision_key
    assert not delta.created_topics
    assert not delta.deleted_topics
