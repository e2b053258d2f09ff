"""What the group coordinator writes to `__consumer_offsets`, in Kafka's own formats, and back.

    key     type int16, then the key's fields             0 and 1 an offset, 2 a group
    value   version int16, then the value's fields        a record without a value is a tombstone

Written versions are Kafka's: offsets v3, v1 where the client set an expiry (retention_time_ms, OffsetCommit v2–v4),
v4 where it named the topic by its id (OffsetCommit v10); groups v3. All versions are read. Kinds 3 and up belong to
other group types (KIP-848 and later): they are left alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from broker.groups.group import Group
from protocol import decode, encode
from protocol.errors import ProtocolError
from protocol.messages.group_records import (
    GroupMetadataKey,
    GroupMetadataValue,
    MemberMetadata,
    OffsetCommitKey,
    OffsetCommitValue,
)
from protocol.primitives import ZERO_UUID

LEGACY_OFFSET_KEY = 0
OFFSET_KEY = 1
GROUP_KEY = 2

_OFFSET_VERSION = 3
_OFFSET_VERSION_WITH_EXPIRY = 1
_OFFSET_VERSION_WITH_TOPIC_ID = 4
_GROUP_VERSION = 3
_KEY_VERSION = 0


@dataclass(frozen=True, slots=True)
class OffsetRecord:
    """An offset was committed; `value` None: it was deleted or has expired."""

    group_id: str
    topic: str
    partition: int
    value: OffsetCommitValue | None


@dataclass(frozen=True, slots=True)
class GroupRecord:
    """A group reached a generation; `value` None: it was deleted."""

    group_id: str
    value: GroupMetadataValue | None


GroupLogRecord: TypeAlias = OffsetRecord | GroupRecord


def encode_record(record: GroupLogRecord) -> tuple[bytes, bytes | None]:
    """Key and value as they stand in the log."""
    if isinstance(record, GroupRecord):
        group_key = GroupMetadataKey(group=record.group_id)
        key = _versioned(GROUP_KEY, encode(group_key, _KEY_VERSION))
        if record.value is None:
            return key, None
        return key, _versioned(_GROUP_VERSION, encode(record.value, _GROUP_VERSION))
    offset_key = OffsetCommitKey(group=record.group_id, topic=record.topic, partition=record.partition)
    key = _versioned(OFFSET_KEY, encode(offset_key, _KEY_VERSION))
    if record.value is None:
        return key, None
    version = _offset_version(record.value)
    return key, _versioned(version, encode(record.value, version))


def decode_record(key: bytes, value: bytes | None) -> GroupLogRecord | None:
    """None for a kind of record that is not ours. Raises ProtocolError."""
    kind = _version_of(key)
    if kind in (LEGACY_OFFSET_KEY, OFFSET_KEY):
        offset_key = decode(OffsetCommitKey, _KEY_VERSION, key[2:])
        committed = None if value is None else decode(OffsetCommitValue, _version_of(value), value[2:])
        return OffsetRecord(offset_key.group, offset_key.topic, offset_key.partition, committed)
    if kind == GROUP_KEY:
        group_key = decode(GroupMetadataKey, _KEY_VERSION, key[2:])
        metadata = None if value is None else decode(GroupMetadataValue, _version_of(value), value[2:])
        return GroupRecord(group_key.group, metadata)
    return None


def _versioned(version: int, data: bytes) -> bytes:
    return version.to_bytes(2, "big") + data


def _version_of(data: bytes) -> int:
    if len(data) < 2:
        raise ProtocolError("a record of __consumer_offsets is shorter than its version")
    return int.from_bytes(data[:2], "big")


def _offset_version(value: OffsetCommitValue) -> int:
    if value.expire_timestamp != -1:
        return _OFFSET_VERSION_WITH_EXPIRY
    if value.topic_id != ZERO_UUID:
        return _OFFSET_VERSION_WITH_TOPIC_ID
    return _OFFSET_VERSION


def new_group(group_id: str, now_ms: int) -> GroupRecord:
    """A group that someone is about to join."""
    return GroupRecord(group_id, GroupMetadataValue(protocol=None, leader=None, current_state_timestamp=now_ms))


def empty_generation(group: Group, now_ms: int) -> GroupRecord:
    """The generation after the current one, which nobody is in."""
    value = GroupMetadataValue(
        protocol_type=group.protocol_type or "",
        generation=group.generation_id + 1,
        protocol=None,
        leader=None,
        current_state_timestamp=now_ms,
    )
    return GroupRecord(group.group_id, value)


def generation(group: Group, assignments: dict[str, bytes], state_timestamp_ms: int) -> GroupRecord:
    """The current generation with `assignments` by member id; who has none gets an empty one."""
    protocol_name = group.protocol_name
    assert protocol_name is not None and group.members, "a generation with members has a protocol"
    members = [
        MemberMetadata(
            member_id=member.member_id,
            group_instance_id=member.group_instance_id,
            client_id=member.client_id,
            client_host=member.client_host,
            rebalance_timeout=member.rebalance_timeout_ms,
            session_timeout=member.session_timeout_ms,
            subscription=member.metadata(protocol_name),
            assignment=assignments.get(member.member_id, b""),
        )
        for member in group.members.values()
    ]
    value = GroupMetadataValue(
        protocol_type=group.protocol_type or "",
        generation=group.generation_id,
        protocol=protocol_name,
        leader=group.leader_id,
        current_state_timestamp=state_timestamp_ms,
        members=members,
    )
    return GroupRecord(group.group_id, value)
