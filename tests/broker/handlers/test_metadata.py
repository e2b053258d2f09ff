"""Metadata in all of its versions."""

from __future__ import annotations

import pytest
from harness.handler_call import call
from harness.metadata_node import MetadataNode, registration
from simulation import SimulatedFilesystem

from broker.controller import NewTopic
from broker.handlers.metadata import handle
from broker.metadata import NO_LEADER, PartitionChangeRecord
from protocol.errors import ErrorCode
from protocol.messages.metadata import (
    MetadataRequest,
    MetadataRequestTopic,
    MetadataResponse,
    MetadataResponseTopic,
)

ALL_VERSIONS = range(14)
NOT_ASKED = -0x8000_0000


def ask(
    node: MetadataNode, *names: str, version: int, create: bool = True, listener: str = "PLAINTEXT"
) -> MetadataResponse:
    request = MetadataRequest(
        topics=[MetadataRequestTopic(name=name) for name in names], allow_auto_topic_creation=create
    )
    return call(node, handle, request, version=version, listener=listener)


def ask_one(node: MetadataNode, name: str, *, version: int, create: bool = True) -> MetadataResponseTopic:
    (topic,) = ask(node, name, version=version, create=create).topics
    return topic


@pytest.mark.parametrize("version", ALL_VERSIONS)
def test_a_missing_topic_is_created_and_answered_with_its_leader_at_once(version: int) -> None:
    with MetadataNode(settings={"num.partitions": "2"}) as node:
        response = ask(node, "orders", version=version)
        (topic,) = response.topics
        assert (topic.error_code, topic.name) == (ErrorCode.NONE, "orders")
        assert [(p.error_code, p.partition_index, p.leader_id) for p in topic.partitions] == [(0, 0, 1), (0, 1, 1)]
        assert [(p.replica_nodes, p.isr_nodes) for p in topic.partitions] == [([1], [1])] * 2
        assert [(b.node_id, b.host, b.port) for b in response.brokers] == [(1, "host-1", 9092)]
        if version >= 1:
            assert response.controller_id == 1
        if version >= 2:
            assert response.cluster_id == node.image.cluster_id
        if version >= 7:
            assert topic.partitions[0].leader_epoch == 0
        if version >= 10:
            assert topic.topic_id == node.image.topics_by_name["orders"].topic_id


@pytest.mark.parametrize("version", ALL_VERSIONS)
def test_all_topics_are_asked_for_with_null_and_in_v0_with_an_empty_list(version: int) -> None:
    with MetadataNode() as node:
        ask(node, "a", "b", version=4)
        request = MetadataRequest(topics=[] if version == 0 else None)
        assert [t.name for t in call(node, handle, request, version=version).topics] == ["a", "b"]


@pytest.mark.parametrize("version", [v for v in ALL_VERSIONS if v > 0])
def test_an_empty_list_asks_for_no_topics(version: int) -> None:
    with MetadataNode() as node:
        ask(node, "a", version=4)
        response = ask(node, version=version)
        assert not response.topics
        assert response.brokers


@pytest.mark.parametrize("version", [v for v in ALL_VERSIONS if v >= 4])
def test_a_client_can_forbid_the_creation(version: int) -> None:
    with MetadataNode() as node:
        topic = ask_one(node, "orders", version=version, create=False)
        assert (topic.error_code, topic.name) == (ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "orders")
        assert not node.image.topics_by_name


@pytest.mark.parametrize("version", ALL_VERSIONS)
def test_a_broker_can_forbid_the_creation(version: int) -> None:
    with MetadataNode(settings={"auto.create.topics.enable": "false"}) as node:
        assert ask_one(node, "orders", version=version).error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


@pytest.mark.parametrize("create", [True, False])
def test_an_illegal_name_is_an_invalid_topic_beside_good_ones(create: bool) -> None:
    with MetadataNode() as node:
        ask(node, "good", version=9)
        bad, good = ask(node, "b/ad", "good", version=9, create=create).topics
        assert (bad.error_code, bad.name) == (ErrorCode.INVALID_TOPIC_EXCEPTION, "b/ad")
        assert good.error_code == ErrorCode.NONE


def test_a_name_that_collides_is_not_created() -> None:
    with MetadataNode() as node:
        ask(node, "a.b", version=9)
        assert ask_one(node, "a_b", version=9).error_code == ErrorCode.INVALID_TOPIC_EXCEPTION


def test_topics_come_in_the_order_of_the_request_and_once() -> None:
    with MetadataNode() as node:
        ask(node, "b", version=9)
        assert [t.name for t in ask(node, "c", "b", "a", "b", version=9).topics] == ["c", "b", "a"]


def test_a_disk_that_fails_is_told_in_the_topic() -> None:
    disk = SimulatedFilesystem()
    with MetadataNode(disk) as node:
        disk.fail("datasync", 5, path_part="metadata")
        assert ask_one(node, "orders", version=9).error_code == ErrorCode.KAFKA_STORAGE_ERROR
        assert ask_one(node, "orders", version=9, create=False).error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


@pytest.mark.parametrize("version", [12, 13])
def test_a_topic_is_asked_for_by_its_id(version: int) -> None:
    with MetadataNode() as node:
        topic_id = ask_one(node, "a", version=12).topic_id
        request = MetadataRequest(topics=[MetadataRequestTopic(topic_id=topic_id, name=None)])
        (topic,) = call(node, handle, request, version=version).topics
        assert (topic.error_code, topic.name, topic.topic_id) == (0, "a", topic_id)


@pytest.mark.parametrize("version", [12, 13])
def test_an_unknown_topic_id_is_unknown_and_creates_nothing(version: int) -> None:
    with MetadataNode() as node:
        request = MetadataRequest(topics=[MetadataRequestTopic(topic_id=b"x" * 16, name=None)])
        (topic,) = call(node, handle, request, version=version).topics
        assert (topic.error_code, topic.name, topic.topic_id) == (ErrorCode.UNKNOWN_TOPIC_ID, None, b"x" * 16)
        assert not node.image.topics_by_name


@pytest.mark.parametrize("version", [10, 11])
@pytest.mark.parametrize("topic", [MetadataRequestTopic(name=None), MetadataRequestTopic(name="a", topic_id=b"x" * 16)])
def test_ids_in_versions_that_cannot_be_asked_by_id_are_an_invalid_request(
    version: int, topic: MetadataRequestTopic
) -> None:
    with MetadataNode() as node:
        (answer,) = call(node, handle, MetadataRequest(topics=[topic]), version=version).topics
        assert answer.error_code == ErrorCode.INVALID_REQUEST


@pytest.mark.parametrize("version", [12, 13])
def test_a_topic_without_name_and_id_is_an_invalid_request(version: int) -> None:
    with MetadataNode() as node:
        response = call(node, handle, MetadataRequest(topics=[MetadataRequestTopic(name=None)]), version=version)
        assert response.topics[0].error_code == ErrorCode.INVALID_REQUEST
        if version >= 13:
            assert response.error_code == ErrorCode.INVALID_REQUEST


@pytest.mark.parametrize("version", [v for v in ALL_VERSIONS if v >= 8])
def test_authorized_operations_are_told_only_when_asked_for(version: int) -> None:
    with MetadataNode() as node:
        silent = ask(node, "a", version=version)
        assert silent.topics[0].topic_authorized_operations == NOT_ASKED
        cluster_asked = version <= 10
        request = MetadataRequest(
            topics=[MetadataRequestTopic(name="a")],
            include_topic_authorized_operations=True,
            include_cluster_authorized_operations=cluster_asked,
        )
        told = call(node, handle, request, version=version)
        # READ 3, WRITE 4, CREATE 5, DELETE 6, ALTER 7, DESCRIBE 8, DESCRIBE_CONFIGS 10, ALTER_CONFIGS 11
        assert told.topics[0].topic_authorized_operations == 0b1101_1111_1000
        assert told.cluster_authorized_operations == (0b1_1111_1010_0000 if cluster_asked else NOT_ASKED)


def test_the_offsets_topic_is_internal() -> None:
    with MetadataNode(settings={"offsets.topic.num.partitions": "3"}) as node:
        topic = ask_one(node, "__consumer_offsets", version=9)
        assert topic.is_internal
        assert len(topic.partitions) == 3


# --- a cluster of more brokers, as it will be -------------------------------------------------------------------


def two_brokers(node: MetadataNode) -> None:
    node.propose(registration(2, rack="r2"))
    ask(node, "a", version=9)


def test_a_broker_is_told_with_its_rack() -> None:
    with MetadataNode() as node:
        two_brokers(node)
        assert {b.node_id: b.rack for b in ask(node, version=9).brokers} == {1: None, 2: "r2"}


def test_brokers_that_the_listener_does_not_reach_are_left_out() -> None:
    with MetadataNode() as node:
        node.propose(registration(2, listener="INSIDE"))
        assert [b.node_id for b in ask(node, version=9).brokers] == [1]
        inside = ask(node, version=9, listener="INSIDE")
        assert [b.node_id for b in inside.brokers] == [2]
        assert inside.controller_id == 2, "a client sends admin requests where it can reach somebody"


def test_a_fenced_broker_is_offline() -> None:
    with MetadataNode() as node:
        node.propose(registration(2))
        call_create(node, [[1, 2]])
        node.propose(registration(2, fenced=True))
        response = ask(node, "two", version=9)
        assert [b.node_id for b in response.brokers] == [1]
        assert response.topics[0].partitions[0].offline_replicas == [2]
        assert response.topics[0].partitions[0].error_code == ErrorCode.NONE


def test_v0_leaves_offline_replicas_out_and_says_so() -> None:
    with MetadataNode() as node:
        node.propose(registration(2))
        call_create(node, [[1, 2]])
        node.propose(registration(2, fenced=True))
        (partition,) = ask_one(node, "two", version=0).partitions
        assert (partition.error_code, partition.replica_nodes) == (ErrorCode.REPLICA_NOT_AVAILABLE, [1])


def test_a_partition_without_a_leader_says_so() -> None:
    with MetadataNode() as node:
        topic_id = ask_one(node, "a", version=12).topic_id
        node.propose(PartitionChangeRecord(topic_id, 0, leader=NO_LEADER))
        (partition,) = ask_one(node, "a", version=9).partitions
        assert (partition.error_code, partition.leader_id) == (ErrorCode.LEADER_NOT_AVAILABLE, -1)
        assert partition.leader_epoch == 1


@pytest.mark.parametrize(("version", "code"), [(5, ErrorCode.LEADER_NOT_AVAILABLE), (6, ErrorCode.LISTENER_NOT_FOUND)])
def test_a_leader_without_this_listener_is_not_found(version: int, code: ErrorCode) -> None:
    with MetadataNode() as node:
        ask(node, "a", version=9)
        (topic,) = ask(node, "a", version=version, listener="INSIDE").topics
        assert topic.partitions[0].error_code == code


def call_create(node: MetadataNode, assignment: list[list[int]]) -> None:
    node.run(node.controller.create_topics([NewTopic("two", assignments=list(enumerate(assignment)))]))
