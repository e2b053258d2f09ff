"""When offsets and groups end: by retention (KIP-211), by request, or with their topic."""

from __future__ import annotations

from broker.groups.group import Group, GroupState
from broker.groups.offset_store import NO_EXPIRY, CommittedOffset, OffsetStore
from broker.groups.records import GroupLogRecord, GroupRecord, OffsetRecord
from protocol.errors import ErrorCode, KafkaError


def expired_records(group: Group, offsets: OffsetStore, *, now_ms: int, retention_ms: int) -> list[GroupLogRecord]:
    """Tombstones of the offsets of `group` that expired, and of the group if it is Empty and none is left."""
    records: list[GroupLogRecord] = []
    all_expired = True
    may_expire = _may_expire(group)
    for topic, partitions in offsets.of_group(group.group_id).items():
        in_use = not may_expire or (group.members and group.is_subscribed_to(topic))
        for partition, committed in partitions.items():
            if not in_use and _is_expired(group, committed, now_ms, retention_ms):
                records.append(OffsetRecord(group.group_id, topic, partition, None))
            else:
                all_expired = False
    if all_expired and group.state is GroupState.EMPTY:
        records.append(GroupRecord(group.group_id, None))
    return records


def _may_expire(group: Group) -> bool:
    """Offsets of a group with members are kept, but for topics that consumers of a stable group left."""
    if group.state is GroupState.EMPTY:
        return True
    return group.state is GroupState.STABLE and group.is_consumer_group and group.subscribed_topics is not None


def _is_expired(group: Group, committed: CommittedOffset, now_ms: int, retention_ms: int) -> bool:
    if committed.expire_timestamp_ms != NO_EXPIRY:
        return now_ms >= committed.expire_timestamp_ms
    # Retention begins when the last member of the group left. A simple group never had members, and an old record
    # does not say when: there it begins with the commit.
    began_ms = committed.commit_timestamp_ms
    if group.state is GroupState.EMPTY and group.protocol_type is not None and group.state_timestamp_ms is not None:
        began_ms = group.state_timestamp_ms
    return now_ms - began_ms >= retention_ms


def deletion_records(group_id: str, group: Group | None, offsets: OffsetStore) -> list[GroupLogRecord]:
    """DeleteGroups: tombstones of a group without members and of all its offsets. Raises KafkaError."""
    if group is None:
        raise KafkaError(ErrorCode.GROUP_ID_NOT_FOUND, f"no group {group_id!r}")
    if group.state is not GroupState.EMPTY:
        raise KafkaError(ErrorCode.NON_EMPTY_GROUP, f"{group_id} has members")
    records: list[GroupLogRecord] = [
        OffsetRecord(group_id, topic, partition, None)
        for topic, partitions in offsets.of_group(group_id).items()
        for partition in partitions
    ]
    records.append(GroupRecord(group_id, None))
    return records


def deleted_topic_records(offsets: OffsetStore, topics: frozenset[str]) -> list[GroupLogRecord]:
    return [OffsetRecord(group_id, topic, partition, None) for group_id, topic, partition in offsets.of_topics(topics)]
