"""CreateTopics, CreatePartitions and DeleteTopics in all of their versions."""

from __future__ import annotations

import errno

import pytest
from harness.handler_call import call
from harness.metadata_node import MetadataNode
from simulation import SimulatedFilesystem

from broker.handlers import create_partitions, create_topics, delete_topics
from protocol.errors import ErrorCode
from protocol.messages.create_partitions import (
    CreatePartitionsAssignment,
    CreatePartitionsRequest,
    CreatePartitionsResponse,
    CreatePartitionsTopic,
)
from protocol.messages.create_topics import (
    CreatableReplicaAssignment,
    CreatableTopic,
    CreatableTopicConfig,
    CreatableTopicResult,
    CreateTopicsRequest,
)
from protocol.messages.delete_topics import DeletableTopicResult, DeleteTopicsRequest, DeleteTopicState

CREATE_VERSIONS = range(8)
DELETE_VERSIONS = range(7)
GROW_VERSIONS = range(4)
BY_STATE = 6


def create(node: MetadataNode, *topics: CreatableTopic, version: int = 7) -> list[CreatableTopicResult]:
    request = CreateTopicsRequest(topics=list(topics))
    return call(node, create_topics.handle, request, version=version).topics


def automatic(name: str, partitions: int = 1, factor: int = 1) -> CreatableTopic:
    return CreatableTopic(name=name, num_partitions=partitions, replication_factor=factor)


def grow(node: MetadataNode, *topics: CreatePartitionsTopic, version: int = 3) -> CreatePartitionsResponse:
    request = CreatePartitionsRequest(topics=list(topics), timeout_ms=1000)
    return call(node, create_partitions.handle, request, version=version)


def delete(node: MetadataNode, *names: str, version: int) -> list[DeletableTopicResult]:
    request = DeleteTopicsRequest(timeout_ms=1000)
    if version >= BY_STATE:
        request.topics = [DeleteTopicState(name=name) for name in names]
    else:
        request.topic_names = list(names)
    return call(node, delete_topics.handle, request, version=version).responses


# --- CreateTopics ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", CREATE_VERSIONS)
def test_a_topic_is_created_as_asked(version: int) -> None:
    topic = automatic("orders", partitions=3)
    topic.configs = [CreatableTopicConfig(name="retention.ms", value="1000")]
    with MetadataNode() as node:
        (result,) = create(node, topic, version=version)
        image = node.image.topics_by_name["orders"]
        assert (result.error_code, result.name) == (ErrorCode.NONE, "orders")
        assert len(image.partitions) == 3
        assert node.image.topic_configs("orders") == {"retention.ms": "1000"}
        if version >= 1:
            assert result.error_message is None
        if version >= 5:
            assert (result.num_partitions, result.replication_factor) == (3, 1)
        if version >= 7:
            assert result.topic_id == image.topic_id


@pytest.mark.parametrize("version", [v for v in CREATE_VERSIONS if v >= 5])
def test_the_answer_lists_the_configs_in_force_and_where_they_come_from(version: int) -> None:
    topic = automatic("orders")
    topic.configs = [CreatableTopicConfig(name="retention.ms", value="1000")]
    with MetadataNode(settings={"log.cleanup.policy": "compact"}) as node:
        (result,) = create(node, topic, version=version)
    assert result.configs is not None
    configs = {config.name: (config.value, config.config_source) for config in result.configs}
    assert configs["retention.ms"] == ("1000", 1), "source 1: the topic"
    assert configs["cleanup.policy"] == ("compact", 4), "source 4: the broker's file"
    assert configs["max.message.bytes"] == ("1048588", 5), "source 5: the default"


@pytest.mark.parametrize("version", CREATE_VERSIONS)
def test_an_existing_topic_is_told_with_its_code(version: int) -> None:
    with MetadataNode() as node:
        create(node, automatic("orders"))
        (result,) = create(node, automatic("orders"), version=version)
        assert result.error_code == ErrorCode.TOPIC_ALREADY_EXISTS
        if version >= 1:
            assert "orders" in (result.error_message or "")


@pytest.mark.parametrize("version", [v for v in CREATE_VERSIONS if v >= 1])
def test_validate_only_creates_nothing(version: int) -> None:
    with MetadataNode() as node:
        request = CreateTopicsRequest(topics=[automatic("good"), automatic("b/ad")], validate_only=True)
        good, bad = call(node, create_topics.handle, request, version=version).topics
        assert (good.error_code, bad.error_code) == (ErrorCode.NONE, ErrorCode.INVALID_TOPIC_EXCEPTION)
        assert not node.image.topics_by_name


@pytest.mark.parametrize("version", CREATE_VERSIONS)
def test_a_manual_assignment_is_taken(version: int) -> None:
    topic = automatic("orders", partitions=-1, factor=-1)
    topic.assignments = [CreatableReplicaAssignment(partition_index=i, broker_ids=[1]) for i in (1, 0)]
    with MetadataNode() as node:
        (result,) = create(node, topic, version=version)
        assert result.error_code == ErrorCode.NONE
        assert len(node.image.topics_by_name["orders"].partitions) == 2


def test_defaults_are_the_brokers() -> None:
    with MetadataNode(settings={"num.partitions": "6"}) as node:
        (result,) = create(node, automatic("orders", partitions=-1, factor=-1))
        assert (result.num_partitions, result.replication_factor) == (6, 1)


def test_too_many_partitions_refuse_every_topic_of_the_request() -> None:
    with MetadataNode() as node:
        results = create(node, automatic("a", partitions=10_000), automatic("b"))
        assert [r.error_code for r in results] == [ErrorCode.POLICY_VIOLATION] * 2
        assert not node.image.topics_by_name


def test_a_disk_that_fails_is_a_storage_error_for_every_topic() -> None:
    disk = SimulatedFilesystem()
    with MetadataNode(disk) as node:
        disk.fail("datasync", errno.EIO, path_part="metadata")
        assert [r.error_code for r in create(node, automatic("a"), automatic("b"))] == [
            ErrorCode.KAFKA_STORAGE_ERROR,
            ErrorCode.KAFKA_STORAGE_ERROR,
        ]


def test_a_request_that_waits_for_nothing_times_out_and_the_topic_comes_all_the_same() -> None:
    with MetadataNode() as node:
        request = CreateTopicsRequest(topics=[automatic("orders")], timeout_ms=0)
        (result,) = call(node, create_topics.handle, request, version=7).topics
        assert result.error_code == ErrorCode.REQUEST_TIMED_OUT
        (again,) = create(node, automatic("orders"))
        assert again.error_code == ErrorCode.TOPIC_ALREADY_EXISTS


# --- CreatePartitions --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", GROW_VERSIONS)
def test_a_topic_grows(version: int) -> None:
    with MetadataNode() as node:
        create(node, automatic("a"), automatic("b"))
        by_hand = [CreatePartitionsAssignment(broker_ids=[1])]
        topics = [
            CreatePartitionsTopic(name="a", count=4, assignments=None),
            CreatePartitionsTopic(name="b", count=2, assignments=by_hand),
        ]
        assert [r.error_code for r in grow(node, *topics, version=version).results] == [0, 0]
        assert [len(node.image.topics_by_name[name].partitions) for name in "ab"] == [4, 2]


@pytest.mark.parametrize("version", GROW_VERSIONS)
def test_growth_is_refused_topic_by_topic(version: int) -> None:
    with MetadataNode() as node:
        create(node, automatic("a", partitions=2))
        topics = [
            CreatePartitionsTopic(name="a", count=2, assignments=None),
            CreatePartitionsTopic(name="b", count=2, assignments=None),
        ]
        codes = {r.name: r.error_code for r in grow(node, *topics, version=version).results}
        assert codes == {"a": ErrorCode.INVALID_PARTITIONS, "b": ErrorCode.UNKNOWN_TOPIC_OR_PARTITION}


# --- DeleteTopics ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", DELETE_VERSIONS)
def test_topics_are_deleted_by_name(version: int) -> None:
    with MetadataNode() as node:
        create(node, automatic("a"), automatic("b"))
        results = delete(node, "a", "c", version=version)
        codes = {r.name: r.error_code for r in results}
        assert codes == {"a": ErrorCode.NONE, "c": ErrorCode.UNKNOWN_TOPIC_OR_PARTITION}
        assert list(node.image.topics_by_name) == ["b"]


def test_topics_are_deleted_by_id() -> None:
    with MetadataNode() as node:
        (created,) = create(node, automatic("a"))
        states = [DeleteTopicState(topic_id=created.topic_id), DeleteTopicState(topic_id=b"x" * 16)]
        request = DeleteTopicsRequest(topics=states, timeout_ms=1000)
        known, unknown = call(node, delete_topics.handle, request, version=6).responses
        assert (known.name, known.topic_id, known.error_code) == ("a", created.topic_id, ErrorCode.NONE)
        assert (unknown.name, unknown.topic_id) == (None, b"x" * 16)
        assert unknown.error_code == ErrorCode.UNKNOWN_TOPIC_ID
        assert not node.image.topics_by_name


def test_a_deletion_by_both_or_neither_name_and_id_is_an_invalid_request() -> None:
    with MetadataNode() as node:
        (created,) = create(node, automatic("a"))
        states = [DeleteTopicState(name="a", topic_id=created.topic_id), DeleteTopicState()]
        request = DeleteTopicsRequest(topics=states, timeout_ms=1000)
        codes = [r.error_code for r in call(node, delete_topics.handle, request, version=6).responses]
        assert codes == [ErrorCode.INVALID_REQUEST] * 2
        assert list(node.image.topics_by_name) == ["a"]


@pytest.mark.parametrize("version", DELETE_VERSIONS)
def test_a_broker_can_forbid_deletions(version: int) -> None:
    with MetadataNode(settings={"delete.topic.enable": "false"}) as node:
        create(node, automatic("a"))
        (result,) = delete(node, "a", version=version)
        expected = ErrorCode.TOPIC_DELETION_DISABLED if version >= 3 else ErrorCode.INVALID_REQUEST
        assert result.error_code == expected
        assert list(node.image.topics_by_name) == ["a"]
