"""What the group coordinator writes to `__consumer_offsets`, in Kafka's own formats, and back.

    key     type int16, then the key's fields             0 and 1 an offset, 2 a group
    value   version int16, then the value's fields        a record without a value is a tombstone

Written versions are Kafka's: offsets v3, v1 where the client set an expiry (retention_time_ms, OffsetCommit v2–v4),
v4 where it named the topic by its id (OffsetCommit v10); groups v3. All versions are read. Kinds 3 and up belong to
other group types (KIP-848 and later): they are left alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TypeAlias, TypeVar

from broker.groups.group import Group
from protocol import Decoder, Encoder, Message, decoder, encoder
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
_VERSION_BYTES = 2


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


# Looked up once: every commit encodes, every load decodes thousands.
_encode_offset_key = encoder(OffsetCommitKey, _KEY_VERSION)
_decode_offset_key = decoder(OffsetCommitKey, _KEY_VERSION)
_encode_group_key = encoder(GroupMetadataKey, _KEY_VERSION)
_decode_group_key = decoder(GroupMetadataKey, _KEY_VERSION)
_encode_group = encoder(GroupMetadataValue, _GROUP_VERSION)

M = TypeVar("M", bound=Message)


@cache
def _offset_encoder(version: int) -> Encoder[OffsetCommitValue]:
    return encoder(OffsetCommitValue, version)


@cache
def _offset_decoder(version: int) -> Decoder[OffsetCommitValue]:
    """Raises ProtocolError where a newer Kafka wrote a version that nobody here can read."""
    return decoder(OffsetCommitValue, version)


@cache
def _group_decoder(version: int) -> Decoder[GroupMetadataValue]:
    return decoder(GroupMetadataValue, version)


def encode_record(record: GroupLogRecord) -> tuple[bytes, bytes | None]:
    """Key and value as they stand in the log."""
    if isinstance(record, GroupRecord):
        key = bytearray(GROUP_KEY.to_bytes(2, "big"))
        _encode_group_key(GroupMetadataKey(group=record.group_id), key)
        if record.value is None:
            return bytes(key), None
        value = bytearray(_GROUP_VERSION.to_bytes(2, "big"))
        _encode_group(record.value, value)
        return bytes(key), bytes(value)
    key = bytearray(OFFSET_KEY.to_bytes(2, "big"))
    _encode_offset_key(OffsetCommitKey(group=record.group_id, topic=record.topic, partition=record.partition), key)
    if record.value is None:
        return bytes(key), None
    version = _offset_version(record.value)
    value = bytearray(version.to_bytes(2, "big"))
    _offset_encoder(version)(record.value, value)
    return bytes(key), bytes(value)


def decode_record(key: bytes, value: bytes | None) -> GroupLogRecord | None:
    """None for a kind of record that is not ours. Raises ProtocolError."""
    kind = _version_of(key)
    if kind in (LEGACY_OFFSET_KEY, OFFSET_KEY):
        offset_key = _whole(_decode_offset_key, key)
        committed = None if value is None else _whole(_offset_decoder(_version_of(value)), value)
        return OffsetRecord(offset_key.group, offset_key.topic, offset_key.partition, committed)
    if kind == GROUP_KEY:
        metadata = None if value is None else _whole(_group_decoder(_version_of(value)), value)
        return GroupRecord(_whole(_decode_group_key, key).group, metadata)
    return None


def _version_of(data: bytes) -> int:
    if len(data) < _VERSION_BYTES:
        raise ProtocolError("a record of __consumer_offsets is shorter than its version")
    return int.from_bytes(data[:_VERSION_BYTES], "big")


def _whole(decode: Decoder[M], data: bytes) -> M:
    message, end = decode(memoryview(data), _VERSION_BYTES)
    if end != len(data):
        raise ProtocolError(f"{len(data) - end} bytes are left over in a record of __consumer_offsets")
    return message


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
