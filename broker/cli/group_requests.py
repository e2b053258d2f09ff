"""Groups, asked about over the wire: which there are, who is in them, how far they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from broker.cli.client import Client, TopicPartition, check
from broker.cli.offset_requests import LATEST, committed_offsets, list_offsets
from protocol import ApiKey, ErrorCode, KafkaError, ProtocolError, decode
from protocol.messages.consumer_protocol import ConsumerProtocolAssignment
from protocol.messages.delete_groups import DeleteGroupsRequest, DeleteGroupsResponse
from protocol.messages.describe_groups import (
    DescribedGroup,
    DescribeGroupsRequest,
    DescribeGroupsResponse,
)
from protocol.messages.list_groups import ListedGroup, ListGroupsRequest, ListGroupsResponse
from protocol.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteRequestPartition,
    OffsetDeleteRequestTopic,
    OffsetDeleteResponse,
)

CONSUMER_PROTOCOL = "consumer"
ASSIGNMENT_VERSION_MAX = ConsumerProtocolAssignment.__schema__.versions[1]


@dataclass(slots=True)
class Member:
    member_id: str
    instance_id: str | None
    client_id: str
    host: str
    assignment: list[TopicPartition] = field(default_factory=list)


@dataclass(slots=True)
class GroupDescription:
    """A group; `coordinator` is where it was found, `members` know their partitions if it is of consumers."""

    group: str
    state: str
    protocol_type: str
    assignor: str
    coordinator: str
    members: list[Member]


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """How far a group is in a partition; None where nothing was committed."""

    topic: str
    partition: int
    committed: int | None
    end: int
    member: Member | None

    @property
    def lag(self) -> int | None:
        return None if self.committed is None else max(0, self.end - self.committed)


def list_groups(client: Client) -> list[ListedGroup]:
    """The groups of all brokers, by name."""
    found: dict[str, ListedGroup] = {}
    for node_id in client.attempt(client.brokers):
        answer = client.attempt(partial(_list_groups_of, client, node_id))
        found.update((group.group_id, group) for group in answer)
    return [found[name] for name in sorted(found)]


def _list_groups_of(client: Client, node_id: int) -> list[ListedGroup]:
    answer = client.broker(node_id).send(ListGroupsRequest(), ListGroupsResponse)
    check(answer.error_code, None, about=f"groups of broker {node_id}")
    return answer.groups


def describe_group(client: Client, group: str) -> GroupDescription:
    """KafkaError(GROUP_ID_NOT_FOUND) for a group that does not exist."""
    return client.attempt(lambda: _describe_group(client, group))


def _describe_group(client: Client, group: str) -> GroupDescription:
    connection = client.coordinator(group)
    answer = connection.send(DescribeGroupsRequest(groups=[group]), DescribeGroupsResponse).groups[0]
    check(answer.error_code, answer.error_message, about=f"group {group}")
    if answer.group_state == "Dead":
        # Before version 6 this is how a group that does not exist looks.
        raise KafkaError(ErrorCode.GROUP_ID_NOT_FOUND, f"there is no group {group}")
    return GroupDescription(
        group=group,
        state=answer.group_state,
        protocol_type=answer.protocol_type,
        assignor=answer.protocol_data,
        coordinator=connection.address,
        members=_members(answer),
    )


def _members(group: DescribedGroup) -> list[Member]:
    members = []
    for entry in group.members:
        member = Member(entry.member_id, entry.group_instance_id, entry.client_id, entry.client_host)
        if group.protocol_type == CONSUMER_PROTOCOL:
            member.assignment = _assignment(entry.member_assignment)
        members.append(member)
    return sorted(members, key=lambda member: (member.client_id, member.member_id))


def _assignment(blob: bytes) -> list[TopicPartition]:
    """The partitions in a consumer's assignment: an int16 version, then the assignment in that version."""
    if len(blob) < 2:
        return []
    version = min(int.from_bytes(blob[:2], "big"), ASSIGNMENT_VERSION_MAX)
    try:
        assignment = decode(ConsumerProtocolAssignment, version, blob[2:])
    except ProtocolError:
        # The blob is the clients' own affair: a group of another making shows no partitions.
        return []
    return [(entry.topic, partition) for entry in assignment.assigned_partitions for partition in entry.partitions]


def group_lag(client: Client, group: str, members: list[Member]) -> list[PartitionLag]:
    """Every partition the group has committed or holds, with its lag."""
    committed = committed_offsets(client, group)
    holders = {partition: member for member in members for partition in member.assignment}
    partitions = sorted(committed.keys() | holders.keys())
    existing = _existing(client, partitions)
    ends = list_offsets(client, [one for one in partitions if one in existing], LATEST)
    return [
        PartitionLag(*one, committed.get(one), ends[one].offset, holders.get(one)) for one in partitions if one in ends
    ]


def _existing(client: Client, partitions: list[TopicPartition]) -> set[TopicPartition]:
    """Offsets outlive their topic: a partition that is gone has no end to lag behind."""
    topics = client.topics(None)
    return {(topic.name or "", partition.partition_index) for topic in topics for partition in topic.partitions} & set(
        partitions
    )


def delete_group(client: Client, group: str) -> None:
    def delete() -> None:
        answer = client.coordinator(group).send(DeleteGroupsRequest(groups_names=[group]), DeleteGroupsResponse)
        check(answer.results[0].error_code, answer.results[0].error_message, about=f"group {group}")

    client.attempt(delete)


def delete_offsets(client: Client, group: str, partitions: Mapping[str, list[int]]) -> None:
    """Forget what the group committed for some partitions."""
    request = OffsetDeleteRequest(
        group_id=group,
        topics=[
            OffsetDeleteRequestTopic(
                name=topic,
                partitions=[OffsetDeleteRequestPartition(partition_index=number) for number in numbers],
            )
            for topic, numbers in partitions.items()
        ],
    )

    def delete() -> None:
        connection = client.coordinator(group)
        connection.version(ApiKey.OFFSET_DELETE)
        answer = connection.send(request, OffsetDeleteResponse)
        check(answer.error_code, None, about=f"group {group}")
        for topic in answer.topics:
            for result in topic.partitions:
                check(result.error_code, None, about=f"{topic.name}-{result.partition_index} of group {group}")

    client.attempt(delete)
