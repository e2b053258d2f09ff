"""OffsetCommit, OffsetFetch and OffsetDelete: where groups keep how far they read."""

from __future__ import annotations

from broker.coordination import Reply
from broker.groups.group import Group, GroupState
from broker.groups.offset_store import CommittedOffset, OffsetStore
from broker.groups.rebalance import GroupDecision, expect_heartbeat
from broker.groups.records import OffsetRecord
from protocol.errors import ErrorCode, KafkaError
from protocol.messages.group_records import OffsetCommitValue
from protocol.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitResponse,
    OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
)
from protocol.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteResponse,
    OffsetDeleteResponsePartition,
    OffsetDeleteResponseTopic,
)
from protocol.messages.offset_fetch import (
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopics,
    OffsetFetchResponseGroup,
    OffsetFetchResponsePartitions,
    OffsetFetchResponseTopics,
)
from protocol.primitives import ZERO_UUID

# KIP-848 gave the commit of an unknown group a code of its own in this version.
GROUP_ID_NOT_FOUND_MIN_VERSION = 9
INVALID_OFFSET = -1
NO_LEADER_EPOCH = -1
_UNSET = -1


# --- OffsetCommit ------------------------------------------------------------------------------------------------


def commit(
    group: Group | None,
    request: OffsetCommitRequest,
    reply: Reply,
    decision: GroupDecision,
    *,
    api_version: int,
    offset_metadata_max_bytes: int,
) -> None:
    """Topics and partitions exist (the handler checked). Raises KafkaError where the whole commit is refused."""
    _check_committer(group, request, api_version)
    if group is not None and group.state in (GroupState.STABLE, GroupState.PREPARING_REBALANCE):
        # A commit of a member is as good as a heartbeat.
        expect_heartbeat(group, group.members[request.member_id], decision)
    response = OffsetCommitResponse()
    for topic in request.topics:
        partitions = []
        for partition in topic.partitions:
            metadata = partition.committed_metadata or ""
            code = ErrorCode.NONE
            if len(metadata) > offset_metadata_max_bytes:
                code = ErrorCode.OFFSET_METADATA_TOO_LARGE
            else:
                value = _value(request, partition, topic.topic_id, decision.now_ms)
                decision.records.append(OffsetRecord(request.group_id, topic.name, partition.partition_index, value))
            partitions.append(OffsetCommitResponsePartition(partition_index=partition.partition_index, error_code=code))
        response.topics.append(
            OffsetCommitResponseTopic(name=topic.name, topic_id=topic.topic_id, partitions=partitions)
        )
    decision.reply(reply, response)


def _check_committer(group: Group | None, request: OffsetCommitRequest, api_version: int) -> None:
    generation_id = request.generation_id_or_member_epoch
    if group is None:
        if generation_id >= 0:
            known = api_version >= GROUP_ID_NOT_FOUND_MIN_VERSION
            code = ErrorCode.GROUP_ID_NOT_FOUND if known else ErrorCode.ILLEGAL_GENERATION
            raise KafkaError(code, f"no group {request.group_id!r}")
        # An administrator, or a consumer that keeps its offsets here without being a member: the group begins to
        # exist with this commit.
        return
    if generation_id < 0 and group.state is GroupState.EMPTY:
        return
    if generation_id < 0 and not request.member_id and request.group_instance_id is None:
        raise KafkaError(ErrorCode.UNKNOWN_MEMBER_ID, f"{group.group_id} has members: only they may commit")
    group.check_member(request.member_id, request.group_instance_id)
    group.check_generation(generation_id)
    if group.state is GroupState.COMPLETING_REBALANCE:
        # Its member heard of the new generation, yet commits what it read in the old one: let it sync first.
        raise KafkaError(ErrorCode.REBALANCE_IN_PROGRESS, "the group awaits its assignment")


def _value(
    request: OffsetCommitRequest, partition: OffsetCommitRequestPartition, topic_id: bytes, now_ms: int
) -> OffsetCommitValue:
    retention_ms = request.retention_time_ms
    commit_timestamp_ms = partition.commit_timestamp
    return OffsetCommitValue(
        offset=partition.committed_offset,
        leader_epoch=partition.committed_leader_epoch,
        metadata=partition.committed_metadata or "",
        # v1 clients may set it.
        commit_timestamp=now_ms if commit_timestamp_ms == _UNSET else commit_timestamp_ms,
        expire_timestamp=_UNSET if retention_ms == _UNSET else now_ms + retention_ms,
        topic_id=topic_id,
    )


# --- OffsetFetch -------------------------------------------------------------------------------------------------


def fetch(offsets: OffsetStore, request: OffsetFetchRequestGroup) -> OffsetFetchResponseGroup:
    """An unknown group, topic or partition has the offset -1, which is no error. `topics` None asks for all."""
    asked = request.topics
    if asked is None:
        asked = [
            OffsetFetchRequestTopics(name=topic, partition_indexes=list(partitions))
            for topic, partitions in offsets.of_group(request.group_id).items()
        ]
    return OffsetFetchResponseGroup(
        group_id=request.group_id,
        topics=[
            OffsetFetchResponseTopics(
                name=topic.name,
                topic_id=topic.topic_id,
                partitions=_fetch_topic(offsets, request.group_id, topic),
            )
            for topic in asked
        ],
    )


def _fetch_topic(
    offsets: OffsetStore, group_id: str, topic: OffsetFetchRequestTopics
) -> list[OffsetFetchResponsePartitions]:
    committed = offsets.of_topic(group_id, topic.name)
    return [_fetch_partition(committed.get(index), index, topic.topic_id) for index in topic.partition_indexes]


def _fetch_partition(committed: CommittedOffset | None, index: int, topic_id: bytes) -> OffsetFetchResponsePartitions:
    if committed is None or _is_of_another_topic(committed, topic_id):
        return OffsetFetchResponsePartitions(
            partition_index=index, committed_offset=INVALID_OFFSET, committed_leader_epoch=NO_LEADER_EPOCH
        )
    return OffsetFetchResponsePartitions(
        partition_index=index,
        committed_offset=committed.offset,
        committed_leader_epoch=committed.leader_epoch,
        metadata=committed.metadata,
    )


def _is_of_another_topic(committed: CommittedOffset, topic_id: bytes) -> bool:
    """Committed to a topic of this name that was deleted, and created again since (KIP-516)."""
    return topic_id != ZERO_UUID and committed.topic_id not in (ZERO_UUID, topic_id)


# --- OffsetDelete ------------------------------------------------------------------------------------------------


def delete(
    group: Group | None, offsets: OffsetStore, request: OffsetDeleteRequest, reply: Reply, decision: GroupDecision
) -> None:
    """KIP-496. Topics exist (the handler checked). Raises KafkaError where the whole request is refused."""
    if group is None:
        raise KafkaError(ErrorCode.GROUP_ID_NOT_FOUND, f"no group {request.group_id!r}")
    if group.state is not GroupState.EMPTY and not group.is_consumer_group:
        # Only subscriptions of consumers can be read: of other types nobody knows what is in use.
        raise KafkaError(ErrorCode.NON_EMPTY_GROUP, f"{group.group_id} has members")
    response = OffsetDeleteResponse()
    for topic in request.topics:
        subscribed = group.is_subscribed_to(topic.name)
        code = ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC if subscribed else ErrorCode.NONE
        committed = offsets.of_topic(group.group_id, topic.name)
        partitions = []
        for partition in topic.partitions:
            index = partition.partition_index
            if not subscribed and index in committed:
                decision.records.append(OffsetRecord(group.group_id, topic.name, index, None))
            partitions.append(OffsetDeleteResponsePartition(partition_index=index, error_code=code))
        response.topics.append(OffsetDeleteResponseTopic(name=topic.name, partitions=partitions))
    decision.reply(reply, response)
