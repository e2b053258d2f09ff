"""Keys and values of `__consumer_offsets`, in Kafka's formats.

A key is its type as int16 and the fields of version 0; a value its version as int16 and the fields. A null
value is a tombstone.

    0, 1  offset commit        (group, topic, partition) -> offset, leader epoch, metadata, timestamps
    2     classic group        (group) -> generation, protocol, leader, members
    3     consumer group       (group) -> epoch; 3 to 8 and 16 are KIP-848
    4     subscribed topics    obsolete, only read
    5     member               (group, member) -> what it said in heartbeats
    6     target assignment    (group) -> epoch
    7     target of a member   (group, member) -> partitions
    8     current assignment   (group, member) -> epochs, state, partitions
    16    regular expression   (group, expression) -> topics that match

OffsetCommitValue: v1 adds expire_timestamp, v2 drops it, v3 leader_epoch (KIP-320), v4 flexible with topic_id.
GroupMetadataValue: v1 rebalance timeouts, v2 current_state_timestamp, v3 group_instance_id (KIP-345), v4 flexible.
"""

from __future__ import annotations

from typing import TypeVar

from protocol.schema import (
    Array,
    Bytes,
    Int8,
    Int32,
    Int64,
    Message,
    NullableArray,
    NullableString,
    String,
    Struct,
    Uuid,
    field,
)
from protocol.versioned import decode_body, decode_versioned, encode_prefixed, encode_versioned, read_prefix

M = TypeVar("M", bound=Message)


class LegacyOffsetCommitKey(Message, versions=(0, 0)):
    group: String = ""
    topic: String = ""
    partition: Int32 = 0


class LegacyOffsetCommitValue(Message, versions=(0, 0)):
    offset: Int64 = 0
    metadata: String = ""
    commit_timestamp: Int64 = 0


class OffsetCommitKey(Message, versions=(0, 0)):
    group: String = ""
    topic: String = ""
    partition: Int32 = 0


class OffsetCommitValue(Message, versions=(0, 4), flexible_since=4):
    offset: Int64 = 0
    leader_epoch: Int32 = field(since=3, default=-1)
    metadata: String = ""
    commit_timestamp: Int64 = 0
    expire_timestamp: Int64 = field(since=1, until=1, default=-1)
    topic_id: Uuid = field(since=4, tag=0)


class GroupMetadataKey(Message, versions=(0, 0)):
    group: String = ""


class GroupMetadataValue(Message, versions=(0, 4), flexible_since=4):
    protocol_type: String = ""
    generation: Int32 = 0
    protocol: NullableString = ""
    leader: NullableString = ""
    current_state_timestamp: Int64 = field(since=2, default=-1)
    members: Array[MemberMetadata] = field()


class MemberMetadata(Struct):
    member_id: String = ""
    group_instance_id: NullableString = field(since=3, default=None)
    client_id: String = ""
    client_host: String = ""
    rebalance_timeout: Int32 = field(since=1, default=-1)
    session_timeout: Int32 = 0
    subscription: Bytes = b""
    assignment: Bytes = b""


class ConsumerGroupMetadataKey(Message, versions=(0, 0)):
    group_id: String = ""


class ConsumerGroupMetadataValue(Message, versions=(0, 0), flexible_since=0):
    epoch: Int32 = 0
    metadata_hash: Int64 = field(tag=0)


class ConsumerGroupPartitionMetadataKey(Message, versions=(0, 0)):
    group_id: String = ""


class ConsumerGroupPartitionMetadataValue(Message, versions=(0, 0), flexible_since=0):
    topics: Array[TopicMetadata] = field()


class TopicMetadata(Struct):
    topic_id: Uuid = field()
    topic_name: String = ""
    num_partitions: Int32 = 0
    partition_metadata: Array[PartitionMetadata] = field()


class PartitionMetadata(Struct):
    partition: Int32 = 0
    racks: Array[String] = field()


class ConsumerGroupMemberMetadataKey(Message, versions=(0, 0)):
    group_id: String = ""
    member_id: String = ""


class ConsumerGroupMemberMetadataValue(Message, versions=(0, 0), flexible_since=0):
    instance_id: NullableString = ""
    rack_id: NullableString = ""
    client_id: String = ""
    client_host: String = ""
    subscribed_topic_names: Array[String] = field()
    subscribed_topic_regex: NullableString = ""
    rebalance_timeout_ms: Int32 = -1
    server_assignor: NullableString = ""
    classic_member_metadata: ClassicMemberMetadata | None = field(tag=0, default=None)


class ClassicMemberMetadata(Struct):
    session_timeout_ms: Int32 = 0
    supported_protocols: Array[ClassicProtocol] = field()


class ClassicProtocol(Struct):
    name: String = ""
    metadata: Bytes = b""


class ConsumerGroupTargetAssignmentMetadataKey(Message, versions=(0, 0)):
    group_id: String = ""


class ConsumerGroupTargetAssignmentMetadataValue(Message, versions=(0, 0), flexible_since=0):
    assignment_epoch: Int32 = 0
    assignment_timestamp: Int64 = field(tag=0)


class ConsumerGroupTargetAssignmentMemberKey(Message, versions=(0, 0)):
    group_id: String = ""
    member_id: String = ""


class ConsumerGroupTargetAssignmentMemberValue(Message, versions=(0, 0), flexible_since=0):
    topic_partitions: Array[TopicPartition] = field()


class TopicPartition(Struct):
    topic_id: Uuid = field()
    partitions: Array[Int32] = field()


class ConsumerGroupCurrentMemberAssignmentKey(Message, versions=(0, 0)):
    group_id: String = ""
    member_id: String = ""


class ConsumerGroupCurrentMemberAssignmentValue(Message, versions=(0, 0), flexible_since=0):
    member_epoch: Int32 = 0
    previous_member_epoch: Int32 = 0
    state: Int8 = 0
    assigned_partitions: Array[TopicPartitions] = field()
    partitions_pending_revocation: Array[TopicPartitions] = field()


class TopicPartitions(Struct):
    topic_id: Uuid = field()
    partitions: Array[Int32] = field()
    assignment_epochs: NullableArray[Int32] = field(tag=0)


class ConsumerGroupRegularExpressionKey(Message, versions=(0, 0)):
    group_id: String = ""
    regular_expression: String = ""


class ConsumerGroupRegularExpressionValue(Message, versions=(0, 0), flexible_since=0):
    topics: Array[String] = field()
    version: Int64 = 0
    timestamp: Int64 = 0


KEY_TYPES: dict[int, type[Message]] = {
    0: LegacyOffsetCommitKey,
    1: OffsetCommitKey,
    2: GroupMetadataKey,
    3: ConsumerGroupMetadataKey,
    4: ConsumerGroupPartitionMetadataKey,
    5: ConsumerGroupMemberMetadataKey,
    6: ConsumerGroupTargetAssignmentMetadataKey,
    7: ConsumerGroupTargetAssignmentMemberKey,
    8: ConsumerGroupCurrentMemberAssignmentKey,
    16: ConsumerGroupRegularExpressionKey,
}
"""The key classes by the number that stands in front of them."""

_TYPE_OF_KEY = {cls: record_type for record_type, cls in KEY_TYPES.items()}


def encode_key(key: Message) -> bytes:
    return encode_prefixed(_TYPE_OF_KEY[type(key)], key, 0)


def decode_key(data: bytes | memoryview) -> Message | None:
    """The key of a record; None if it is of a type that we do not know, as a newer Kafka may write."""
    cls = KEY_TYPES.get(read_prefix(data))
    return None if cls is None else decode_body(cls, 0, data)


def encode_value(value: Message, version: int) -> bytes:
    return encode_versioned(value, version)


def decode_value(cls: type[M], data: bytes | memoryview) -> M:
    """The value of a record, which its key's class decides; an unknown version raises ProtocolError."""
    return decode_versioned(cls, data)
