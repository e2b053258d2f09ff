"""The handlers of the group APIs: every version gets an answer it can encode, in the shape that version has."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from groups_harness import GroupWorld

from broker.groups import OFFSETS_TOPIC
from broker.handlers import (
    delete_groups,
    describe_groups,
    find_coordinator,
    heartbeat,
    join_group,
    leave_group,
    list_groups,
    offset_commit,
    offset_delete,
    offset_fetch,
    sync_group,
)
from broker.metadata import BrokerRegistration, MetadataImage, PartitionImage, TopicImage
from protocol import decode, encode
from protocol.api_keys import ApiKey
from protocol.errors import ErrorCode, KafkaError
from protocol.messages import REQUESTS, RESPONSES
from protocol.messages.delete_groups import DeleteGroupsRequest
from protocol.messages.describe_groups import DescribeGroupsRequest
from protocol.messages.find_coordinator import FindCoordinatorRequest
from protocol.messages.heartbeat import HeartbeatRequest
from protocol.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from protocol.messages.leave_group import LeaveGroupRequest, MemberIdentity
from protocol.messages.list_groups import ListGroupsRequest
from protocol.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from protocol.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteRequestPartition,
    OffsetDeleteRequestTopic,
)
from protocol.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopic,
    OffsetFetchRequestTopics,
)
from protocol.messages.sync_group import SyncGroupRequest

ORDERS_ID, NO_SUCH_ID = b"\x01" * 16, b"\x09" * 16
HANDLERS: dict[ApiKey, Any] = {
    ApiKey.FIND_COORDINATOR: find_coordinator,
    ApiKey.JOIN_GROUP: join_group,
    ApiKey.SYNC_GROUP: sync_group,
    ApiKey.HEARTBEAT: heartbeat,
    ApiKey.LEAVE_GROUP: leave_group,
    ApiKey.OFFSET_COMMIT: offset_commit,
    ApiKey.OFFSET_FETCH: offset_fetch,
    ApiKey.OFFSET_DELETE: offset_delete,
    ApiKey.DESCRIBE_GROUPS: describe_groups,
    ApiKey.LIST_GROUPS: list_groups,
    ApiKey.DELETE_GROUPS: delete_groups,
}


def topic(name: str, topic_id: bytes, count: int, leader: int = 1) -> TopicImage:
    partitions = tuple(PartitionImage(index, replicas=(1,), isr=(1,), leader=leader) for index in range(count))
    return TopicImage(name, topic_id, partitions)


class InternalTopics:
    """Creates what is asked for, or refuses."""

    def __init__(self, image: MetadataImage) -> None:
        self.image = image
        self.refusal: KafkaError | None = None
        self.asked_for: list[str] = []

    async def ensure_internal_topic(self, name: str) -> TopicImage:
        self.asked_for.append(name)
        if self.refusal is not None:
            raise self.refusal
        return self.image.topics_by_name[name]


class Node:
    def __init__(self) -> None:
        self.world = GroupWorld()
        self.use_image(leader=1)

    def use_image(self, leader: int) -> None:
        topics = [topic("orders", ORDERS_ID, 2), topic(OFFSETS_TOPIC, b"\x02" * 16, 1, leader)]
        endpoints = {"PLAINTEXT": ("inside", 9092), "OUTSIDE": ("outside", 9192)}
        image = MetadataImage(
            brokers={1: BrokerRegistration(1, endpoints)},
            topics_by_name={topic.name: topic for topic in topics},
            topics_by_id={topic.topic_id: topic for topic in topics},
        )
        self.controller = InternalTopics(image)
        self.services: Any = SimpleNamespace(
            groups=self.world.coordinator,
            metadata=SimpleNamespace(image=image),
            controller=self.controller,
            node_id=1,
        )

    def send(self, key: ApiKey, version: int, request: Any, *, listener: str = "PLAINTEXT") -> Any:
        """As over the wire: the request and its answer are what this version can carry."""
        received = decode(REQUESTS[key], version, encode(request, version))
        context = self.world.context(version)
        context.listener_name = listener
        response = self.world.ask(HANDLERS[key].handle(self.services, context, received)).response
        return decode(RESPONSES[key], version, encode(response, version))


@pytest.fixture
def node() -> Iterator[Node]:
    node = Node()
    yield node
    node.world.close()


# --- FindCoordinator -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", range(7))
def test_the_coordinator_is_found_at_the_listener_of_the_question(node: Node, version: int) -> None:
    request = FindCoordinatorRequest(key="g") if version < 4 else FindCoordinatorRequest(coordinator_keys=["g", "h"])
    response = node.send(ApiKey.FIND_COORDINATOR, version, request, listener="OUTSIDE")
    for found in [response] if version < 4 else response.coordinators:
        assert (found.error_code, found.node_id, found.host, found.port) == (ErrorCode.NONE, 1, "outside", 9192)
    assert set(node.controller.asked_for) == {OFFSETS_TOPIC}


@pytest.mark.parametrize(
    ("key_type", "code"),
    [(2, ErrorCode.INVALID_REQUEST), (77, ErrorCode.INVALID_REQUEST)],
)
def test_other_coordinators_are_not_here(node: Node, key_type: int, code: ErrorCode) -> None:
    old = node.send(ApiKey.FIND_COORDINATOR, 3, FindCoordinatorRequest(key="t", key_type=key_type))
    assert (old.error_code, old.node_id) == (code, -1)
    assert old.error_message
    request = FindCoordinatorRequest(coordinator_keys=["t"], key_type=key_type)
    (new,) = node.send(ApiKey.FIND_COORDINATOR, 6, request).coordinators
    assert (new.key, new.error_code, new.node_id, new.host, new.port) == ("t", code, -1, "", -1)


def test_this_broker_is_named_for_transactions_and_it_is_its_to_refuse_them(node: Node) -> None:
    """librdkafka asks for a coordinator until its time is over, and then says nothing of the reason."""
    request = FindCoordinatorRequest(coordinator_keys=["t"], key_type=1)
    (found,) = node.send(ApiKey.FIND_COORDINATOR, 6, request, listener="OUTSIDE").coordinators
    assert (found.error_code, found.node_id, found.host, found.port) == (ErrorCode.NONE, 1, "outside", 9192)


def test_a_coordinator_that_cannot_be_reached_is_not_available(node: Node) -> None:
    asked = FindCoordinatorRequest(coordinator_keys=["g"])
    (found,) = node.send(ApiKey.FIND_COORDINATOR, 6, asked, listener="SECRET").coordinators
    assert found.error_code == ErrorCode.COORDINATOR_NOT_AVAILABLE
    node.use_image(leader=-1)
    (found,) = node.send(ApiKey.FIND_COORDINATOR, 6, asked).coordinators
    assert found.error_code == ErrorCode.COORDINATOR_NOT_AVAILABLE
    node.controller.refusal = KafkaError(ErrorCode.INVALID_REPLICATION_FACTOR, "too few brokers")
    (found,) = node.send(ApiKey.FIND_COORDINATOR, 6, asked).coordinators
    assert (found.error_code, found.error_message) == (ErrorCode.COORDINATOR_NOT_AVAILABLE, "too few brokers")


# --- membership ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", range(10))
def test_a_member_joins_syncs_beats_and_leaves_in_every_version(node: Node, version: int) -> None:
    join = JoinGroupRequest(
        group_id="g",
        session_timeout_ms=10_000,
        rebalance_timeout_ms=30_000 if version else -1,
        protocol_type="consumer",
        protocols=[JoinGroupRequestProtocol(name="range", metadata=b"\x00\x00")],
    )
    joined = node.send(ApiKey.JOIN_GROUP, version, join)
    if version >= 4:
        assert joined.error_code == ErrorCode.MEMBER_ID_REQUIRED
        join.member_id = joined.member_id
        joined = node.send(ApiKey.JOIN_GROUP, version, join)
    assert (joined.error_code, joined.generation_id, joined.protocol_name) == (ErrorCode.NONE, 1, "range")
    assert joined.protocol_type == ("consumer" if version >= 7 else None)
    member_id = joined.member_id
    (member,) = node.world.group().members.values()
    assert member.rebalance_timeout_ms == (30_000 if version else 10_000)

    sync = SyncGroupRequest(group_id="g", generation_id=1, member_id=member_id)
    sync_version = min(version, 5)
    if sync_version == 5:
        sync.protocol_type, sync.protocol_name = "consumer", "range"
    assert node.send(ApiKey.SYNC_GROUP, sync_version, sync).error_code == ErrorCode.NONE

    beat = HeartbeatRequest(group_id="g", generation_id=1, member_id=member_id)
    assert node.send(ApiKey.HEARTBEAT, min(version, 4), beat).error_code == ErrorCode.NONE

    leave = LeaveGroupRequest(group_id="g", member_id=member_id)
    if version >= 3:
        leave = LeaveGroupRequest(group_id="g", members=[MemberIdentity(member_id=member_id)])
    left = node.send(ApiKey.LEAVE_GROUP, min(version, 5), leave)
    assert (left.error_code, len(left.members)) == (ErrorCode.NONE, 1 if version >= 3 else 0)
    assert node.world.state() == "Empty"


@pytest.mark.parametrize("version", range(6))
def test_a_stranger_that_leaves(node: Node, version: int) -> None:
    request = LeaveGroupRequest(group_id="g", member_id="stranger")
    if version >= 3:
        request = LeaveGroupRequest(group_id="g", members=[MemberIdentity(member_id="stranger")])
    response = node.send(ApiKey.LEAVE_GROUP, version, request)
    if version >= 3:
        assert response.error_code == ErrorCode.NONE
        assert response.members[0].error_code == ErrorCode.UNKNOWN_MEMBER_ID
    else:
        assert response.error_code == ErrorCode.UNKNOWN_MEMBER_ID


@pytest.mark.parametrize("version", range(10))
def test_a_refused_join_has_no_protocol(node: Node, version: int) -> None:
    response = node.send(ApiKey.JOIN_GROUP, version, JoinGroupRequest(group_id="g", session_timeout_ms=1))
    assert response.error_code == ErrorCode.INVALID_SESSION_TIMEOUT
    assert (response.generation_id, response.protocol_name or "", response.leader) == (-1, "", "")


def test_sync_must_name_its_protocol_from_v5(node: Node) -> None:
    """KIP-559."""
    request = SyncGroupRequest(group_id="g", generation_id=1, member_id="m", protocol_type="consumer")
    assert node.send(ApiKey.SYNC_GROUP, 5, request).error_code == ErrorCode.INCONSISTENT_GROUP_PROTOCOL


# --- offsets ---------------------------------------------------------------------------------------------------------


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
def test_partitions_that_do_not_exist_are_refused_one_by_one(node: Node, version: int) -> None:
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
def test_a_topic_that_does_not_exist_is_refused(node: Node, version: int) -> None:
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
def test_offsets_are_fetched_in_every_version(node: Node, version: int) -> None:
    node.world.commit(7, partitions=[1])
    name, topic_id = ("", ORDERS_ID) if version >= 10 else ("orders", bytes(16))
    response = node.send(ApiKey.OFFSET_FETCH, version, fetch_request(version, 0, 1))
    assert fetched(version, response) == (0, [(name, topic_id, 0, -1), (name, topic_id, 1, 7)])
    if version >= 2:
        response = node.send(ApiKey.OFFSET_FETCH, version, fetch_request(version, everything=True))
        assert fetched(version, response) == (0, [(name, topic_id, 1, 7)])


@pytest.mark.parametrize("version", range(11))
def test_a_refused_fetch_says_so_where_its_version_can(node: Node, version: int) -> None:
    node.world.coordinator.on_resigned(0)
    response = node.send(ApiKey.OFFSET_FETCH, version, fetch_request(version, 0))
    if version < 2:
        (partition,) = response.topics[0].partitions
        assert (partition.error_code, partition.committed_offset) == (ErrorCode.NOT_COORDINATOR, -1)
    else:
        assert fetched(version, response) == (ErrorCode.NOT_COORDINATOR, [])


def test_an_unknown_topic_id_is_refused_alone(node: Node) -> None:
    node.world.commit(7)
    topics = [
        OffsetFetchRequestTopics(topic_id=topic_id, partition_indexes=[0]) for topic_id in (NO_SUCH_ID, ORDERS_ID)
    ]
    request = OffsetFetchRequest(groups=[OffsetFetchRequestGroup(group_id="g", topics=topics)])
    (group,) = node.send(ApiKey.OFFSET_FETCH, 10, request).groups
    answers = {topic.topic_id: topic.partitions[0] for topic in group.topics}
    assert answers[NO_SUCH_ID].error_code == ErrorCode.UNKNOWN_TOPIC_ID
    assert answers[ORDERS_ID].committed_offset == 7


def test_many_groups_are_fetched_at_once(node: Node) -> None:
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


def test_offset_delete_tells_unknown_partitions_from_known_ones(node: Node) -> None:
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


# --- administration --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", range(7))
def test_an_unknown_group_is_dead_and_from_v6_not_found(node: Node, version: int) -> None:
    request = DescribeGroupsRequest(groups=["nobody"], include_authorized_operations=version >= 3)
    (group,) = node.send(ApiKey.DESCRIBE_GROUPS, version, request).groups
    assert group.group_state == "Dead"
    assert group.error_code == (ErrorCode.GROUP_ID_NOT_FOUND if version >= 6 else ErrorCode.NONE)
    assert (group.error_message is not None) == (version >= 6)


@pytest.mark.parametrize("version", range(7))
def test_a_group_is_described_in_every_version(node: Node, version: int) -> None:
    node.world.stable_group()
    request = DescribeGroupsRequest(groups=["g"], include_authorized_operations=version >= 3)
    (group,) = node.send(ApiKey.DESCRIBE_GROUPS, version, request).groups
    assert (group.group_state, group.protocol_data, len(group.members)) == ("Stable", "range", 1)
    # READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS
    assert group.authorized_operations == (0b1101_0100_1000 if version >= 3 else -0x8000_0000)


@pytest.mark.parametrize("version", range(6))
def test_groups_are_listed_in_every_version(node: Node, version: int) -> None:
    node.world.stable_group()
    (group,) = node.send(ApiKey.LIST_GROUPS, version, ListGroupsRequest()).groups
    assert (group.group_id, group.protocol_type) == ("g", "consumer")
    assert group.group_state == ("Stable" if version >= 4 else "")
    assert group.group_type == ("classic" if version >= 5 else "")


@pytest.mark.parametrize("version", range(4))
def test_groups_are_deleted_in_every_version(node: Node, version: int) -> None:
    node.world.commit(7)
    response = node.send(ApiKey.DELETE_GROUPS, version, DeleteGroupsRequest(groups_names=["g", "nobody"]))
    assert {result.group_id: result.error_code for result in response.results} == {
        "g": ErrorCode.NONE,
        "nobody": ErrorCode.GROUP_ID_NOT_FOUND,
    }
