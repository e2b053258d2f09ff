"""FindCoordinator, and the handlers by which members come, stay and go, each in every version.

An answer can be encoded, in the shape that its version has.
"""

from __future__ import annotations

import pytest
from groups_harness.handler_node import HandlerNode

from broker.groups import OFFSETS_TOPIC
from protocol.api_keys import ApiKey
from protocol.errors import ErrorCode, KafkaError
from protocol.messages.find_coordinator import FindCoordinatorRequest
from protocol.messages.heartbeat import HeartbeatRequest
from protocol.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from protocol.messages.leave_group import LeaveGroupRequest, MemberIdentity
from protocol.messages.sync_group import SyncGroupRequest


@pytest.mark.parametrize("version", range(7))
def test_the_coordinator_is_found_at_the_listener_of_the_question(node: HandlerNode, version: int) -> None:
    request = FindCoordinatorRequest(key="g") if version < 4 else FindCoordinatorRequest(coordinator_keys=["g", "h"])
    response = node.send(ApiKey.FIND_COORDINATOR, version, request, listener="OUTSIDE")
    for found in [response] if version < 4 else response.coordinators:
        assert (found.error_code, found.node_id, found.host, found.port) == (ErrorCode.NONE, 1, "outside", 9192)
    assert set(node.controller.asked_for) == {OFFSETS_TOPIC}


@pytest.mark.parametrize(("key_type", "code"), [(2, ErrorCode.INVALID_REQUEST), (77, ErrorCode.INVALID_REQUEST)])
def test_other_coordinators_are_not_here(node: HandlerNode, key_type: int, code: ErrorCode) -> None:
    old = node.send(ApiKey.FIND_COORDINATOR, 3, FindCoordinatorRequest(key="t", key_type=key_type))
    assert (old.error_code, old.node_id) == (code, -1)
    assert old.error_message
    request = FindCoordinatorRequest(coordinator_keys=["t"], key_type=key_type)
    (new,) = node.send(ApiKey.FIND_COORDINATOR, 6, request).coordinators
    assert (new.key, new.error_code, new.node_id, new.host, new.port) == ("t", code, -1, "", -1)


def test_this_broker_is_named_for_transactions_and_it_is_its_to_refuse_them(node: HandlerNode) -> None:
    """librdkafka asks for a coordinator until its time is over, and then says nothing of the reason."""
    request = FindCoordinatorRequest(coordinator_keys=["t"], key_type=1)
    (found,) = node.send(ApiKey.FIND_COORDINATOR, 6, request, listener="OUTSIDE").coordinators
    assert (found.error_code, found.node_id, found.host, found.port) == (ErrorCode.NONE, 1, "outside", 9192)


def test_a_coordinator_that_cannot_be_reached_is_not_available(node: HandlerNode) -> None:
    asked = FindCoordinatorRequest(coordinator_keys=["g"])
    (found,) = node.send(ApiKey.FIND_COORDINATOR, 6, asked, listener="SECRET").coordinators
    assert found.error_code == ErrorCode.COORDINATOR_NOT_AVAILABLE
    node.use_image(leader=-1)
    (found,) = node.send(ApiKey.FIND_COORDINATOR, 6, asked).coordinators
    assert found.error_code == ErrorCode.COORDINATOR_NOT_AVAILABLE
    node.controller.refusal = KafkaError(ErrorCode.INVALID_REPLICATION_FACTOR, "too few brokers")
    (found,) = node.send(ApiKey.FIND_COORDINATOR, 6, asked).coordinators
    assert (found.error_code, found.error_message) == (ErrorCode.COORDINATOR_NOT_AVAILABLE, "too few brokers")


@pytest.mark.parametrize("version", range(10))
def test_a_member_joins_syncs_beats_and_leaves_in_every_version(node: HandlerNode, version: int) -> None:
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
def test_a_stranger_that_leaves(node: HandlerNode, version: int) -> None:
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
def test_a_refused_join_has_no_protocol(node: HandlerNode, version: int) -> None:
    response = node.send(ApiKey.JOIN_GROUP, version, JoinGroupRequest(group_id="g", session_timeout_ms=1))
    assert response.error_code == ErrorCode.INVALID_SESSION_TIMEOUT
    assert (response.generation_id, response.protocol_name or "", response.leader) == (-1, "", "")


def test_sync_must_name_its_protocol_from_v5(node: HandlerNode) -> None:
    """KIP-559."""
    request = SyncGroupRequest(group_id="g", generation_id=1, member_id="m", protocol_type="consumer")
    assert node.send(ApiKey.SYNC_GROUP, 5, request).error_code == ErrorCode.INCONSISTENT_GROUP_PROTOCOL
