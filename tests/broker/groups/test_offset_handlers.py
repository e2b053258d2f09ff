"""The handlers of committed offsets, each in every version.

An answer can be encoded, in the shape that its version has.
"""

from __future__ import annotations

from typing import Any

import pytest
from groups_harness.handler_node import NO_SUCH_ID, ORDERS_ID, HandlerNode

from protocol.api_keys import ApiKey
from protocol.errors import ErrorCode
from protocol.messages.offset_commit import OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic
from protocol.messages.offset_delete import OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic
from protocol.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopic,
    OffsetFetchRequestTopics,
)


def commit_request(version: int, offset: int, *partitions: int, topic_id: bytes = ORDERS_ID) -> OffsetCommitRequest:
    asked = OffsetCommitRequestTopic(
        partitions=[OffsetCommitRequestPartition(partition_index=p, committed_offset=offset) for p in partitions]
    )
    if version >= 10:
        asked.topic_id = topic_id
    else:
        asked.name = "orders" if topic_id == ORDERS_ID else "nothing"
    return OffsetCommitRequest(group_id="g", topics=[asked])


@pytest.mark.parametrize("version", range(11))
def test_partitions_that_do_not_exist_are_refused_one_by_one(node: HandlerNode, version: int) -> None:
    response = node.send(ApiKey.OFFSET_COMMIT, version, commit_request(version, 7, 0, 2, 1, -1))
    (answered,) = response.topics
    assert (answered.name, answered.topic_id) == (("orders", bytes(16)) if version < 10 else ("", ORDERS_ID))
    assert [(p.partition_index, p.error_code) for p in answered.partitions] == [
        (0, ErrorCode.NONE),
        (2, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
        (1, ErrorCode.NONE),
        (-1, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
    ]
    assert node.world.committed() == {("orders", 0): 7, ("orders", 1): 7}


@pytest.mark.parametrize("version", range(11))
def test_a_topic_that_does_not_exist_is_refused(node: HandlerNode, version: int) -> None:
    response = node.send(ApiKey.OFFSET_COMMIT, version, commit_request(version, 7, 0, topic_id=NO_SUCH_ID))
    code = ErrorCode.UNKNOWN_TOPIC_ID if version >= 10 else ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    assert response.topics[0].partitions[0].error_code == code
    assert not node.world.shard.groups


def fetch_request(version: int, *partitions: int, everything: bool = False) -> OffsetFetchRequest:
    if version < 8:
        old = [OffsetFetchRequestTopic(name="orders", partition_indexes=list(partitions))]
        return OffsetFetchRequest(group_id="g", topics=None if everything else old)
    asked = OffsetFetchRequestTopics(partition_indexes=list(partitions))
    if version >= 10:
        asked.topic_id = ORDERS_ID
    else:
        asked.name = "orders"
    return OffsetFetchRequest(groups=[OffsetFetchRequestGroup(group_id="g", topics=None if everything else [asked])])


def fetched(version: int, response: Any) -> tuple[int, list[tuple[str, bytes, int, int]]]:
    answered = response if version < 8 else response.groups[0]
    return answered.error_code, [
        (topic.name, topic.topic_id if version >= 8 else bytes(16), p.partition_index, p.committed_offset)
        for topic in answered.topics
        for p in topic.partitions
    ]


@pytest.mark.parametrize("version", range(11))
def test_offsets_are_fetched_in_every_version(node: HandlerNode, version: int) -> None:
    node.world.commit(7, partitions=[1])
    name, topic_id = ("", ORDERS_ID) if version >= 10 else ("orders", bytes(16))
    response = node.send(ApiKey.OFFSET_FETCH, version, fetch_request(version, 0, 1))
    assert fetched(version, response) == (0, [(name, topic_id, 0, -1), (name, topic_id, 1, 7)])
    if version >= 2:
        response = node.send(ApiKey.OFFSET_FETCH, version, fetch_request(version, everything=True))
        assert fetched(version, response) == (0, [(name, topic_id, 1, 7)])


@pytest.mark.parametrize("version", range(11))
def test_a_refused_fetch_says_so_where_its_version_can(node: HandlerNode, version: int) -> None:
    node.world.coordinator.on_resigned(0)
    response = node.send(ApiKey.OFFSET_FETCH, version, fetch_request(version, 0))
    if version < 2:
        (partition,) = response.topics[0].partitions
        assert (partition.error_code, partition.committed_offset) == (ErrorCode.NOT_COORDINATOR, -1)
    else:
        assert fetched(version, response) == (ErrorCode.NOT_COORDINATOR, [])


def test_an_unknown_topic_id_is_refused_alone(node: HandlerNode) -> None:
    node.world.commit(7)
    topics = [
        OffsetFetchRequestTopics(topic_id=topic_id, partition_indexes=[0]) for topic_id in (NO_SUCH_ID, ORDERS_ID)
    ]
    request = OffsetFetchRequest(groups=[OffsetFetchRequestGroup(group_id="g", topics=topics)])
    (group,) = node.send(ApiKey.OFFSET_FETCH, 10, request).groups
    answers = {topic.topic_id: topic.partitions[0] for topic in group.topics}
    assert answers[NO_SUCH_ID].error_code == ErrorCode.UNKNOWN_TOPIC_ID
    assert answers[ORDERS_ID].committed_offset == 7


def test_many_groups_are_fetched_at_once(node: HandlerNode) -> None:
    node.world.commit(7)
    node.world.commit(8, group="h")
    request = OffsetFetchRequest(
        groups=[OffsetFetchRequestGroup(group_id=group, topics=None) for group in ("h", "nobody", "g")]
    )
    response = node.send(ApiKey.OFFSET_FETCH, 8, request)
    assert [(g.group_id, [t.partitions[0].committed_offset for t in g.topics]) for g in response.groups] == [
        ("h", [8]),
        ("nobody", []),
        ("g", [7]),
    ]


def test_offset_delete_tells_unknown_partitions_from_known_ones(node: HandlerNode) -> None:
    node.world.commit(7)
    asked = [
        OffsetDeleteRequestTopic(
            name=name, partitions=[OffsetDeleteRequestPartition(partition_index=index) for index in (5, 0)]
        )
        for name in ("orders", "nothing")
    ]
    response = node.send(ApiKey.OFFSET_DELETE, 0, OffsetDeleteRequest(group_id="g", topics=asked))
    unknown = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    assert [(t.name, [p.error_code for p in t.partitions]) for t in response.topics] == [
        ("orders", [unknown, ErrorCode.NONE]),
        ("nothing", [unknown, unknown]),
    ]
    assert node.world.committed() == {}
    refused = node.send(ApiKey.OFFSET_DELETE, 0, OffsetDeleteRequest(group_id="nobody", topics=asked))
    assert (refused.error_code, refused.topics) == (ErrorCode.GROUP_ID_NOT_FOUND, [])
