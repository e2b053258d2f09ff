"""DescribeTopicPartitions: topics in the order of their names, page by page."""

from __future__ import annotations

import pytest
from harness.handler_call import call
from harness.metadata_node import MetadataNode

from broker.controller import NewTopic
from broker.handlers.describe_topic_partitions import handle
from protocol.errors import ErrorCode
from protocol.messages.describe_topic_partitions import (
    Cursor,
    DescribeTopicPartitionsRequest,
    DescribeTopicPartitionsResponse,
    TopicRequest,
)


def ask(
    node: MetadataNode, *names: str, limit: int = 2000, cursor: Cursor | None = None
) -> DescribeTopicPartitionsResponse:
    request = DescribeTopicPartitionsRequest(
        topics=[TopicRequest(name=name) for name in names], response_partition_limit=limit, cursor=cursor
    )
    return call(node, handle, request, version=0)


def create(node: MetadataNode, **partitions: int) -> None:
    topics = [NewTopic(name, count, 1) for name, count in partitions.items()]
    node.run(node.controller.create_topics(topics))


def test_a_topic_is_told_with_its_partitions() -> None:
    with MetadataNode() as node:
        create(node, a=2)
        (topic,) = ask(node, "a").topics
        assert (topic.error_code, topic.name, topic.is_internal) == (ErrorCode.NONE, "a", False)
        assert topic.topic_id == node.image.topics_by_name["a"].topic_id
        assert topic.topic_authorized_operations == 0b1101_1111_1000
        told = [
            (p.partition_index, p.leader_id, p.leader_epoch, p.replica_nodes, p.isr_nodes, p.offline_replicas)
            for p in topic.partitions
        ]
        assert told == [(0, 1, 0, [1], [1], []), (1, 1, 0, [1], [1], [])]


def test_no_names_mean_all_topics_in_order() -> None:
    with MetadataNode() as node:
        create(node, b=1, c=1, a=1)
        assert [t.name for t in ask(node).topics] == ["a", "b", "c"]


@pytest.mark.parametrize("limit", range(1, 9))
def test_pages_of_any_size_add_up_to_everything_once(limit: int) -> None:
    with MetadataNode() as node:
        create(node, a=3, b=1, c=4)
        seen: list[tuple[str | None, int]] = []
        cursor: Cursor | None = None
        while True:
            page = ask(node, limit=limit, cursor=cursor)
            partitions = [(t.name, p.partition_index) for t in page.topics for p in t.partitions]
            assert 1 <= len(partitions) <= limit
            seen += partitions
            cursor = page.next_cursor
            if cursor is None:
                break
        assert seen == [("a", 0), ("a", 1), ("a", 2), ("b", 0), ("c", 0), ("c", 1), ("c", 2), ("c", 3)]


@pytest.mark.parametrize("limit", [0, -1])
def test_a_page_holds_at_least_one_partition(limit: int) -> None:
    with MetadataNode() as node:
        create(node, a=2)
        page = ask(node, limit=limit)
        assert len(page.topics[0].partitions) == 1
        assert page.next_cursor == Cursor(topic_name="a", partition_index=1)


def test_a_page_holds_at_most_2000_partitions_whatever_is_asked_for() -> None:
    with MetadataNode() as node:
        create(node, a=2001)
        page = ask(node, limit=100_000)
        assert len(page.topics[0].partitions) == 2000
        assert page.next_cursor == Cursor(topic_name="a", partition_index=2000)


def test_topics_that_are_not_there_say_so() -> None:
    with MetadataNode() as node:
        codes = {t.name: t.error_code for t in ask(node, "missing", "b/ad").topics}
        assert codes == {
            "missing": ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
            "b/ad": ErrorCode.INVALID_TOPIC_EXCEPTION,
        }


@pytest.mark.parametrize("cursor", [("other", 0), ("a", -1)])
def test_a_cursor_that_we_did_not_give_is_an_invalid_request(cursor: tuple[str, int]) -> None:
    with MetadataNode() as node:
        create(node, a=2)
        page = ask(node, "a", cursor=Cursor(topic_name=cursor[0], partition_index=cursor[1]))
        assert [t.error_code for t in page.topics] == [ErrorCode.INVALID_REQUEST]


def test_a_cursor_to_a_topic_deleted_since_goes_on_behind_it() -> None:
    with MetadataNode() as node:
        create(node, a=1, c=1)
        page = ask(node, cursor=Cursor(topic_name="b", partition_index=3))
        assert [(t.name, len(t.partitions)) for t in page.topics] == [("c", 1)]
