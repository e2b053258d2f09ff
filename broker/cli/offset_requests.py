"""Offsets of partitions and of groups, asked for and committed over the wire."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from broker.cli.client import Client, TopicPartition, check
from protocol import ApiKey
from protocol.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsRequest,
    ListOffsetsResponse,
    ListOffsetsTopic,
)
from protocol.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
    OffsetCommitResponse,
)
from protocol.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchResponse,
    OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
)

LATEST = -1
EARLIEST = -2
MAX_TIMESTAMP = -3
UNKNOWN_OFFSET = -1

CONSUMER_REPLICA = -1
# Above these versions partitions go by topic id; names are what users type and read.
OFFSET_FETCH_BY_NAME_MAX_VERSION = 9
OFFSET_COMMIT_BY_NAME_MAX_VERSION = 9
GROUPS_MIN_VERSION = 8


@dataclass(frozen=True, slots=True)
class FoundOffset:
    """`offset` is -1 where no record is as late as was asked for."""

    offset: int
    timestamp: int


def list_offsets(
    client: Client, partitions: Iterable[TopicPartition], timestamp: int
) -> dict[TopicPartition, FoundOffset]:
    """The first offset at or after `timestamp` (ms), or at EARLIEST, LATEST or MAX_TIMESTAMP, of each partition."""
    wanted = list(partitions)
    return client.attempt(lambda: _list_offsets(client, wanted, timestamp))


def _list_offsets(
    client: Client, partitions: list[TopicPartition], timestamp: int
) -> dict[TopicPartition, FoundOffset]:
    found: dict[TopicPartition, FoundOffset] = {}
    for connection, led in client.by_leader(partitions):
        topics: dict[str, ListOffsetsTopic] = {}
        for topic, partition in led:
            entry = topics.setdefault(topic, ListOffsetsTopic(name=topic))
            entry.partitions.append(ListOffsetsPartition(partition_index=partition, timestamp=timestamp))
        request = ListOffsetsRequest(replica_id=CONSUMER_REPLICA, topics=list(topics.values()))
        for answer in connection.send(request, ListOffsetsResponse).topics:
            for result in answer.partitions:
                check(result.error_code, None, about=f"{answer.name}-{result.partition_index}")
                old = result.old_style_offsets
                offset = old[0] if old else result.offset
                found[answer.name, result.partition_index] = FoundOffset(offset, result.timestamp)
    return found


def committed_offsets(client: Client, group: str) -> dict[TopicPartition, int]:
    """Every offset the group has committed."""
    return client.attempt(lambda: _committed_offsets(client, group))


def _committed_offsets(client: Client, group: str) -> dict[TopicPartition, int]:
    connection = client.coordinator(group)
    topics: list[OffsetFetchResponseTopic] | list[OffsetFetchResponseTopics]
    if connection.version(ApiKey.OFFSET_FETCH, at_most=OFFSET_FETCH_BY_NAME_MAX_VERSION) >= GROUPS_MIN_VERSION:
        request = OffsetFetchRequest(groups=[OffsetFetchRequestGroup(group_id=group, topics=None)])
        answer = connection.send(request, OffsetFetchResponse, at_most=OFFSET_FETCH_BY_NAME_MAX_VERSION)
        check(answer.groups[0].error_code, None, about=f"group {group}")
        topics = answer.groups[0].topics
    else:
        answer = connection.send(OffsetFetchRequest(group_id=group, topics=None), OffsetFetchResponse)
        check(answer.error_code, None, about=f"group {group}")
        topics = answer.topics
    result: dict[TopicPartition, int] = {}
    for topic in topics:
        for partition in topic.partitions:
            check(partition.error_code, None, about=f"{topic.name}-{partition.partition_index}")
            if partition.committed_offset >= 0:
                result[topic.name, partition.partition_index] = partition.committed_offset
    return result


def commit_offsets(client: Client, group: str, offsets: Mapping[TopicPartition, int]) -> None:
    """Commit as no member of the group, which is allowed while it has none."""
    topics: dict[str, OffsetCommitRequestTopic] = {}
    for (topic, partition), offset in offsets.items():
        entry = topics.setdefault(topic, OffsetCommitRequestTopic(name=topic))
        entry.partitions.append(OffsetCommitRequestPartition(partition_index=partition, committed_offset=offset))
    request = OffsetCommitRequest(group_id=group, topics=list(topics.values()))

    def commit() -> None:
        answer = client.coordinator(group).send(
            request, OffsetCommitResponse, at_most=OFFSET_COMMIT_BY_NAME_MAX_VERSION
        )
        for topic in answer.topics:
            for result in topic.partitions:
                about = f"committing {topic.name}-{result.partition_index} for group {group}"
                check(result.error_code, None, about=about)

    client.attempt(commit)
