"""JoinGroup: who gets in, as whom, and who is refused with what."""

from __future__ import annotations

import pytest
from groups_harness import GroupWorld, subscription

from protocol.errors import ErrorCode


def test_a_new_member_is_given_its_id_first(world: GroupWorld) -> None:
    """KIP-394: a client that never got an answer must not leave a ghost behind with every retry."""
    asked = world.join(client="reader")
    assert asked.error is ErrorCode.MEMBER_ID_REQUIRED
    assert asked.response.member_id == "reader-id1"
    assert world.described().members == []


def test_a_client_before_v4_joins_without_that_round_trip(world: GroupWorld) -> None:
    joined = world.join(version=3)
    assert joined.error is ErrorCode.NONE
    assert joined.response.generation_id == 1
    assert world.state() == "CompletingRebalance"


def test_a_given_id_that_is_not_used_expires(world: GroupWorld) -> None:
    member_id = world.join(session_ms=7000).response.member_id
    world.advance(6999)
    assert member_id in world.group().pending_members
    world.advance(1)
    assert world.join(member_id).error is ErrorCode.UNKNOWN_MEMBER_ID


def test_an_empty_group_id_is_invalid(world: GroupWorld) -> None:
    assert world.join(group="").error is ErrorCode.INVALID_GROUP_ID


@pytest.mark.parametrize("session_ms", [5999, 1_800_001])
def test_a_session_timeout_out_of_bounds_is_refused(world: GroupWorld, session_ms: int) -> None:
    assert world.join(session_ms=session_ms).error is ErrorCode.INVALID_SESSION_TIMEOUT


def test_a_member_id_of_an_unknown_group_is_unknown(world: GroupWorld) -> None:
    asked = world.join("somebody")
    assert asked.error is ErrorCode.UNKNOWN_MEMBER_ID
    assert asked.response.member_id == "somebody"
    assert not world.shard.groups


def test_a_member_id_the_group_never_gave_is_unknown(world: GroupWorld) -> None:
    world.stable_group()
    assert world.join("somebody").error is ErrorCode.UNKNOWN_MEMBER_ID


@pytest.mark.parametrize(("protocol_type", "protocols"), [("", {"range": b""}), ("consumer", {})])
def test_a_first_member_needs_a_protocol(world: GroupWorld, protocol_type: str, protocols: dict[str, bytes]) -> None:
    asked = world.join(protocol_type=protocol_type, protocols=protocols)
    assert asked.error is ErrorCode.INCONSISTENT_GROUP_PROTOCOL
    assert not world.shard.groups


def test_another_protocol_type_is_inconsistent(world: GroupWorld) -> None:
    world.stable_group()
    assert world.join(protocol_type="connect").error is ErrorCode.INCONSISTENT_GROUP_PROTOCOL


def test_a_protocol_that_not_all_support_is_inconsistent(world: GroupWorld) -> None:
    world.stable_group(2)
    asked = world.join(protocols={"sticky": b""})
    assert asked.error is ErrorCode.INCONSISTENT_GROUP_PROTOCOL


def test_the_protocol_most_members_prefer_is_chosen(world: GroupWorld) -> None:
    first = world.join(version=3, protocols={"range": b"r", "sticky": b"s"}).response
    second = world.join(version=3, protocols={"sticky": b"s", "range": b"r"})
    third = world.join(version=3, protocols={"sticky": b"s", "range": b"r", "own": b"o"})
    rejoined = world.join(first.member_id, version=3, protocols={"range": b"r", "sticky": b"s"})
    assert {asked.response.protocol_name for asked in (rejoined, second, third)} == {"sticky"}


def test_only_the_leader_sees_the_members(world: GroupWorld) -> None:
    leader, follower = world.stable_group(2)
    leader.join()
    again = world.join(follower.member_id)
    assert leader.joining is not None
    members = leader.joining.response.members
    assert [(m.member_id, m.metadata) for m in members] == [
        (leader.member_id, subscription("orders")),
        (follower.member_id, subscription("orders")),
    ]
    assert again.response.members == []
    assert again.response.leader == leader.member_id


def test_a_full_group_takes_nobody_else(make_world: object) -> None:
    world = make_world(group_max_size=2)  # type: ignore[operator]
    world.stable_group(2)
    asked = world.join()
    assert asked.error is ErrorCode.GROUP_MAX_SIZE_REACHED
    assert asked.response.member_id == ""


def test_while_a_rebalance_gathers_those_who_joined_count(make_world: object) -> None:
    world = make_world(group_max_size=1, group_initial_rebalance_delay_ms=1000)  # type: ignore[operator]
    first = world.join(version=3)
    assert first.is_parked
    assert world.join(version=3).error is ErrorCode.GROUP_MAX_SIZE_REACHED
    world.advance(1000)
    assert first.error is ErrorCode.NONE


def test_a_pending_member_that_finds_the_group_full_is_forgotten(make_world: object) -> None:
    world = make_world(group_max_size=1)  # type: ignore[operator]
    pending = world.join().response.member_id
    world.stable_group(1, version=3)
    assert world.join(pending).error is ErrorCode.GROUP_MAX_SIZE_REACHED
    assert world.group().pending_members == set()


def test_a_follower_that_joins_unchanged_hears_the_current_generation(world: GroupWorld) -> None:
    leader, follower = world.stable_group(2)
    asked = world.join(follower.member_id)
    assert asked.error is ErrorCode.NONE
    assert asked.response.generation_id == leader.generation
    assert asked.response.leader == leader.member_id
    assert world.state() == "Stable"


def test_a_follower_with_new_metadata_begins_a_rebalance(world: GroupWorld) -> None:
    leader, follower = world.stable_group(2)
    assert world.join(follower.member_id, protocols={"range": subscription("payments")}).is_parked
    assert leader.heartbeat() is ErrorCode.REBALANCE_IN_PROGRESS


def test_a_leader_of_a_stable_group_begins_a_rebalance_by_joining(world: GroupWorld) -> None:
    """Only the leader sees new partitions; its metadata does not change with them."""
    leader, follower = world.stable_group(2)
    assert world.join(leader.member_id).is_parked
    assert follower.heartbeat() is ErrorCode.REBALANCE_IN_PROGRESS


def test_a_lost_join_answer_is_given_again(world: GroupWorld) -> None:
    joined = world.join(version=3).response
    again = world.join(joined.member_id)
    assert again.response == joined


def test_a_member_that_asks_twice_is_answered_twice(world: GroupWorld) -> None:
    """The client timed out and joined anew on another connection; its first request must not hang there."""
    leader, follower = world.stable_group(2)
    first = world.join(leader.member_id)
    second = world.join(leader.member_id)
    assert first.error is ErrorCode.REBALANCE_IN_PROGRESS
    assert second.is_parked
    world.join(follower.member_id)
    assert second.error is ErrorCode.NONE


def test_a_member_of_an_emptied_group_is_unknown(world: GroupWorld) -> None:
    (only,) = world.stable_group()
    world.leave(only.member_id)
    assert world.state() == "Empty"
    assert world.join(only.member_id).error is ErrorCode.UNKNOWN_MEMBER_ID


def test_a_group_is_in_the_log_before_its_first_member_hears_of_it(world: GroupWorld) -> None:
    world.partition.hold()
    asked = world.join()
    assert asked.is_parked
    world.partition.release()
    world.loop.settle()
    assert asked.error is ErrorCode.MEMBER_ID_REQUIRED
    assert "g" in world.fresh_shard().groups


def test_a_group_that_cannot_be_written_does_not_begin(world: GroupWorld) -> None:
    world.partition.refuse_with = ErrorCode.NOT_ENOUGH_REPLICAS
    assert world.join().error is ErrorCode.COORDINATOR_NOT_AVAILABLE
    assert not world.shard.groups
