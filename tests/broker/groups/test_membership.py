"""SyncGroup, Heartbeat and LeaveGroup, in every state."""

from __future__ import annotations

import pytest
from groups_harness import Consumer, GroupWorld

from protocol.errors import ErrorCode
from protocol.messages.leave_group import MemberIdentity


def preparing(world: GroupWorld) -> Consumer:
    """A member of a group whose rebalance waits for it."""
    member, other = world.stable_group(2)
    other.join()
    world.join(other.member_id, protocols={"range": b"changed"})
    assert world.state() == "PreparingRebalance"
    return member


def completing(world: GroupWorld) -> tuple[Consumer, Consumer]:
    """A leader and a follower that joined a generation whose assignment is not there yet."""
    leader, follower = world.stable_group(2)
    leader.join()
    follower.join()
    leader.take_join()
    follower.take_join()
    assert world.state() == "CompletingRebalance"
    return leader, follower


# --- SyncGroup ---------------------------------------------------------------------------------------------------


def test_followers_wait_for_the_leaders_assignment(world: GroupWorld) -> None:
    leader, follower = completing(world)
    parked = world.sync(follower.member_id, follower.generation)
    assert parked.is_parked
    done = world.sync(leader.member_id, leader.generation, {leader.member_id: b"L", follower.member_id: b"F"})
    assert (done.response.assignment, parked.response.assignment) == (b"L", b"F")
    assert done.response.protocol_name == "range"
    assert world.state() == "Stable"


def test_a_late_follower_gets_its_assignment_at_once(world: GroupWorld) -> None:
    leader, follower = completing(world)
    world.sync(leader.member_id, leader.generation, {follower.member_id: b"F"})
    assert world.sync(follower.member_id, follower.generation).response.assignment == b"F"


def test_a_member_the_leader_forgot_gets_an_empty_assignment(world: GroupWorld) -> None:
    leader, follower = completing(world)
    world.sync(leader.member_id, leader.generation, {leader.member_id: b"L"})
    assert world.sync(follower.member_id, follower.generation).response.assignment == b""


def test_an_assignment_is_promised_only_when_it_is_committed(world: GroupWorld) -> None:
    leader, _ = completing(world)
    world.partition.hold()
    asked = world.sync(leader.member_id, leader.generation, {})
    assert asked.is_parked
    world.partition.release()
    world.loop.settle()
    assert asked.error is ErrorCode.NONE


def test_an_assignment_that_cannot_be_stored_begins_a_rebalance(world: GroupWorld) -> None:
    leader, follower = completing(world)
    parked = world.sync(follower.member_id, follower.generation)
    world.partition.refuse_with = ErrorCode.MESSAGE_TOO_LARGE
    asked = world.sync(leader.member_id, leader.generation, {})
    assert asked.error is parked.error is ErrorCode.UNKNOWN_SERVER_ERROR
    assert world.state() == "PreparingRebalance"


def test_a_second_sync_of_a_member_releases_its_first(world: GroupWorld) -> None:
    _, follower = completing(world)
    first = world.sync(follower.member_id, follower.generation)
    second = world.sync(follower.member_id, follower.generation)
    assert first.error is ErrorCode.REBALANCE_IN_PROGRESS
    assert second.is_parked


def test_sync_of_an_older_generation_is_illegal(world: GroupWorld) -> None:
    leader, _ = completing(world)
    assert world.sync(leader.member_id, leader.generation - 1).error is ErrorCode.ILLEGAL_GENERATION


def test_sync_of_a_stranger_is_unknown(world: GroupWorld) -> None:
    leader, _ = completing(world)
    assert world.sync("stranger", leader.generation).error is ErrorCode.UNKNOWN_MEMBER_ID
    assert world.sync("stranger", 1, group="other").error is ErrorCode.UNKNOWN_MEMBER_ID
    assert world.sync("stranger", 1, group="").error is ErrorCode.INVALID_GROUP_ID


@pytest.mark.parametrize(("claimed", "name"), [("connect", "range"), ("consumer", "sticky")])
def test_sync_with_another_protocol_is_inconsistent(world: GroupWorld, claimed: str, name: str) -> None:
    """KIP-559: the member computed for something that was not chosen."""
    leader, _ = completing(world)
    asked = world.sync(leader.member_id, leader.generation, protocol_type=claimed, protocol_name=name)
    assert asked.error is ErrorCode.INCONSISTENT_GROUP_PROTOCOL


def test_sync_while_a_rebalance_gathers_members_must_join_again(world: GroupWorld) -> None:
    member = preparing(world)
    assert world.sync(member.member_id, member.generation).error is ErrorCode.REBALANCE_IN_PROGRESS


def test_a_join_in_between_releases_the_parked_syncs(world: GroupWorld) -> None:
    _, follower = completing(world)
    parked = world.sync(follower.member_id, follower.generation)
    world.join(version=3)
    assert parked.error is ErrorCode.REBALANCE_IN_PROGRESS


def test_a_session_begins_anew_with_the_answer_to_a_parked_sync(world: GroupWorld) -> None:
    """While it was parked its session ran out, which was ignored: nothing else would ever notice its death."""
    leader, follower = world.stable_group(2)
    leader.join()
    follower.join()
    leader.take_join()
    follower.take_join()
    world.advance(5_000)
    leader.heartbeat()
    parked = world.sync(follower.member_id, follower.generation)
    world.advance(9_999)
    world.sync(leader.member_id, leader.generation, {})
    assert parked.error is ErrorCode.NONE
    world.advance(9_999)
    assert leader.heartbeat() is ErrorCode.NONE
    world.advance(1)
    assert leader.heartbeat() is ErrorCode.REBALANCE_IN_PROGRESS


# --- Heartbeat ---------------------------------------------------------------------------------------------------


def test_heartbeats_say_when_to_join_again(world: GroupWorld) -> None:
    leader, follower = completing(world)
    assert leader.heartbeat() is ErrorCode.NONE, "clients begin to heartbeat before they sync"
    world.join(version=3)
    assert follower.heartbeat() is ErrorCode.REBALANCE_IN_PROGRESS


def test_heartbeats_of_others_are_refused(world: GroupWorld) -> None:
    (only,) = world.stable_group()
    assert world.heartbeat(only.member_id, only.generation + 1) is ErrorCode.ILLEGAL_GENERATION
    assert world.heartbeat("stranger", only.generation) is ErrorCode.UNKNOWN_MEMBER_ID
    assert world.heartbeat("stranger", 1, group="other") is ErrorCode.UNKNOWN_MEMBER_ID
    assert world.heartbeat("stranger", 1, group="") is ErrorCode.INVALID_GROUP_ID
    world.leave(only.member_id)
    assert only.heartbeat() is ErrorCode.UNKNOWN_MEMBER_ID


def test_heartbeats_keep_a_member_alive(world: GroupWorld) -> None:
    (only,) = world.stable_group()
    for _ in range(10):
        world.advance(9_999)
        assert only.heartbeat() is ErrorCode.NONE
    world.advance(10_000)
    assert only.heartbeat() is ErrorCode.UNKNOWN_MEMBER_ID


# --- LeaveGroup --------------------------------------------------------------------------------------------------


def test_a_member_that_leaves_begins_a_rebalance(world: GroupWorld) -> None:
    leader, follower = world.stable_group(2)
    assert world.leave(follower.member_id).response.members[0].error_code == ErrorCode.NONE
    assert leader.heartbeat() is ErrorCode.REBALANCE_IN_PROGRESS


def test_the_last_one_to_leave_empties_the_group(world: GroupWorld) -> None:
    (only,) = world.stable_group()
    world.leave(only.member_id)
    assert world.state() == "Empty"
    assert world.described().protocol_type == "consumer"


def test_a_member_that_leaves_while_it_waits_is_answered(world: GroupWorld) -> None:
    leader, follower = world.stable_group(2)
    leader.join()
    world.leave(leader.member_id)
    assert leader.joining is not None
    assert leader.joining.error is ErrorCode.UNKNOWN_MEMBER_ID
    follower.join()
    follower.take_join()
    assert follower.leads


def test_a_member_that_leaves_while_it_syncs_is_answered(world: GroupWorld) -> None:
    _, follower = completing(world)
    parked = world.sync(follower.member_id, follower.generation)
    world.leave(follower.member_id)
    assert parked.error is ErrorCode.UNKNOWN_MEMBER_ID


def test_many_leave_at_once(world: GroupWorld) -> None:
    leader, second, third = world.stable_group(3)
    response = world.leave(second.member_id, "stranger", third.member_id).response
    assert [member.error_code for member in response.members] == [
        ErrorCode.NONE,
        ErrorCode.UNKNOWN_MEMBER_ID,
        ErrorCode.NONE,
    ]
    leader.join()
    leader.take_join()
    assert leader.generation == second.generation + 1


def test_a_pending_member_may_leave(world: GroupWorld) -> None:
    (only,) = world.stable_group()
    pending = world.join().response.member_id
    only.join()
    assert only.joining is not None and only.joining.is_parked
    assert world.leave(pending).response.members[0].error_code == ErrorCode.NONE
    assert only.joining.error is ErrorCode.NONE


def test_who_leaves_a_group_nobody_knows_is_unknown(world: GroupWorld) -> None:
    response = world.leave("stranger", group="other").response
    assert response.error_code == ErrorCode.NONE
    assert response.members[0].error_code == ErrorCode.UNKNOWN_MEMBER_ID
    assert world.leave("stranger", group="").error is ErrorCode.INVALID_GROUP_ID


def test_an_instance_id_that_nobody_has_cannot_leave(world: GroupWorld) -> None:
    world.stable_group()
    response = world.leave(MemberIdentity(member_id="", group_instance_id="nobody")).response
    assert response.members[0].error_code == ErrorCode.UNKNOWN_MEMBER_ID
    assert world.leave(MemberIdentity(member_id="")).response.members[0].error_code == ErrorCode.UNKNOWN_MEMBER_ID
