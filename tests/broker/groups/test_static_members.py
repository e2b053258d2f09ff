"""KIP-345 and KIP-814: members that keep their place across restarts."""

from __future__ import annotations

from collections.abc import Callable

from groups_harness import Consumer, GroupWorld, subscription

from protocol.errors import ErrorCode
from protocol.messages.join_group import JoinGroupResponse
from protocol.messages.leave_group import MemberIdentity

MakeWorld = Callable[..., GroupWorld]


def static_group(world: GroupWorld) -> tuple[JoinGroupResponse, JoinGroupResponse]:
    """Instances `one` (the leader) and `two`, stable, each assigned its own name."""
    first = world.join(instance="one").response
    second = world.join(instance="two")
    first = world.join(first.member_id, instance="one").response
    assignments = {first.member_id: b"one", second.response.member_id: b"two"}
    world.sync(first.member_id, first.generation_id, assignments, instance="one")
    world.sync(second.response.member_id, first.generation_id, instance="two")
    assert world.state() == "Stable"
    return first, second.response


def test_a_static_member_joins_without_a_round_trip_for_its_id(world: GroupWorld) -> None:
    asked = world.join(instance="one")
    assert asked.error is ErrorCode.NONE
    assert asked.response.member_id == "one-id1"


def test_a_restarted_follower_keeps_its_assignment_without_a_rebalance(world: GroupWorld) -> None:
    leader, old = static_group(world)
    again = world.join(instance="two").response
    assert again.error_code == ErrorCode.NONE
    assert again.member_id != old.member_id
    assert again.generation_id == old.generation_id
    synced = world.sync(again.member_id, again.generation_id, instance="two").response
    assert synced.assignment == b"two"
    assert world.heartbeat(leader.member_id, leader.generation_id, instance="one") is ErrorCode.NONE


def test_a_restarted_leader_is_told_to_skip_the_assignment(world: GroupWorld) -> None:
    static_group(world)
    again = world.join(instance="one", version=9).response
    assert again.skip_assignment
    assert again.leader == again.member_id
    assert {member.group_instance_id for member in again.members} == {"one", "two"}
    assert world.sync(again.member_id, again.generation_id, instance="one").response.assignment == b"one"


def test_before_v9_a_restarted_leader_takes_itself_for_a_follower(world: GroupWorld) -> None:
    old, _ = static_group(world)
    again = world.join(instance="one", version=8).response
    assert again.leader == old.member_id != again.member_id
    assert not again.skip_assignment
    assert again.members == []


def test_the_process_that_was_replaced_is_fenced_everywhere(world: GroupWorld) -> None:
    _, old = static_group(world)
    world.join(instance="two")
    generation = old.generation_id
    assert world.heartbeat(old.member_id, generation, instance="two") is ErrorCode.FENCED_INSTANCE_ID
    assert world.sync(old.member_id, generation, instance="two").error is ErrorCode.FENCED_INSTANCE_ID
    assert world.join(old.member_id, instance="two").error is ErrorCode.FENCED_INSTANCE_ID
    committed = world.commit(1, member_id=old.member_id, generation=generation, instance="two")
    assert committed.error is ErrorCode.FENCED_INSTANCE_ID
    left = world.leave(MemberIdentity(member_id=old.member_id, group_instance_id="two")).response
    assert left.members[0].error_code == ErrorCode.FENCED_INSTANCE_ID


def test_a_parked_join_of_the_replaced_process_is_fenced(world: GroupWorld) -> None:
    first, second = static_group(world)
    parked = world.join(first.member_id, instance="one")
    assert parked.is_parked
    again = world.join(instance="one")
    assert parked.error is ErrorCode.FENCED_INSTANCE_ID
    world.join(second.member_id, instance="two")
    assert again.error is ErrorCode.NONE


def test_a_parked_sync_of_the_replaced_process_is_fenced(world: GroupWorld) -> None:
    first, second = static_group(world)
    leader = world.join(first.member_id, instance="one")
    follower = world.join(second.member_id, instance="two", protocols={"range": b"\x00\x00new"})
    assert leader.error is follower.error is ErrorCode.NONE
    parked = world.sync(second.member_id, follower.response.generation_id, instance="two")
    assert parked.is_parked
    again = world.join(instance="two")
    assert parked.error is ErrorCode.FENCED_INSTANCE_ID
    assert again.is_parked, "the leader may be computing for the old id: everyone joins again"


def test_a_static_member_that_changes_the_chosen_protocol_begins_a_rebalance(world: GroupWorld) -> None:
    both = {"range": subscription("orders"), "sticky": subscription("orders")}
    first = world.join(instance="one", protocols=both).response
    world.sync(first.member_id, first.generation_id, {}, instance="one")
    again = world.join(instance="one", protocols={"sticky": subscription("orders")}).response
    assert again.generation_id == first.generation_id + 1
    assert again.protocol_name == "sticky"


def test_a_static_member_is_not_missed_before_its_session_ends(world: GroupWorld) -> None:
    """A rolling restart: the others may even rebalance while one instance is away."""
    first, second = static_group(world)
    leader = world.join(first.member_id, instance="one", rebalance_ms=5000)
    world.advance(9_999)
    assert leader.is_parked
    assert {member.group_instance_id for member in world.described().members} == {"one", "two"}
    world.advance(1)
    assert leader.response.generation_id == second.generation_id + 1
    assert {member.group_instance_id for member in world.described().members} == {"one"}


def test_static_members_alone_keep_a_generation_from_beginning_without_them(world: GroupWorld) -> None:
    """The rebalance timeout passes with nobody there: they keep their places until their sessions end."""
    first = world.join(instance="one", session_ms=100_000, rebalance_ms=5_000).response
    world.sync(first.member_id, first.generation_id, {}, instance="one")
    gone = world.join(first.member_id, instance="one", session_ms=100_000, rebalance_ms=5_000)
    assert gone.error is ErrorCode.NONE
    newcomer = world.join(version=3, rebalance_ms=5_000)
    world.leave(newcomer_id(world))
    assert newcomer.error is ErrorCode.UNKNOWN_MEMBER_ID
    world.advance(20_000)
    assert world.state() == "PreparingRebalance"
    assert [member.group_instance_id for member in world.described().members] == ["one"]


def newcomer_id(world: GroupWorld) -> str:
    return str(next(m.member_id for m in world.described().members if m.group_instance_id is None))


def test_an_administrator_removes_a_static_member_by_its_instance_id(world: GroupWorld) -> None:
    first, _ = static_group(world)
    response = world.leave(MemberIdentity(member_id="", group_instance_id="two")).response
    assert (response.members[0].error_code, response.members[0].group_instance_id) == (ErrorCode.NONE, "two")
    assert world.heartbeat(first.member_id, first.generation_id, instance="one") is ErrorCode.REBALANCE_IN_PROGRESS


def test_a_pending_dynamic_id_cannot_become_static(world: GroupWorld) -> None:
    pending = world.join().response.member_id
    assert world.join(pending, instance="one").error is ErrorCode.UNKNOWN_MEMBER_ID


def test_the_new_id_survives_a_reload(world: GroupWorld) -> None:
    static_group(world)
    again = world.join(instance="two").response
    world.reload()
    assert world.heartbeat(again.member_id, again.generation_id, instance="two") is ErrorCode.NONE
    assert world.sync(again.member_id, again.generation_id, instance="two").response.assignment == b"two"


def test_a_new_id_that_cannot_be_written_is_taken_back(world: GroupWorld) -> None:
    _, old = static_group(world)
    world.partition.refuse_with = ErrorCode.NOT_ENOUGH_REPLICAS
    assert world.join(instance="two").error is ErrorCode.COORDINATOR_NOT_AVAILABLE
    assert world.heartbeat(old.member_id, old.generation_id, instance="two") is ErrorCode.NONE
    world.advance(10_000)
    assert world.state() != "Stable", "the old id's session still counts"


def test_static_and_dynamic_members_share_a_group(world: GroupWorld) -> None:
    (dynamic,) = world.stable_group()
    static = Consumer(world, "g", {"instance": "one"})
    static.join()
    world.settle_group([dynamic, static])
    assert {m.group_instance_id for m in world.described().members} == {None, "one"}


def test_a_static_member_comes_back_to_a_full_group(make_world: MakeWorld) -> None:
    world = make_world(group_max_size=2)
    static_group(world)
    assert world.join(instance="two").error is ErrorCode.NONE
    assert world.join(instance="three").error is ErrorCode.GROUP_MAX_SIZE_REACHED


def test_absent_static_members_without_a_rebalance_timeout_cost_nothing(world: GroupWorld) -> None:
    """A client may ask for a rebalance timeout of 0; waiting for its session must not become a busy loop."""
    first = world.join(instance="one", session_ms=100_000).response
    world.sync(first.member_id, first.generation_id, {}, instance="one")
    world.join(instance="one", session_ms=100_000, rebalance_ms=0)
    newcomer = world.join(version=3, rebalance_ms=5_000)
    world.leave(newcomer_id(world))
    assert newcomer.error is ErrorCode.UNKNOWN_MEMBER_ID
    before = world.loop.turns
    world.advance(50_000)
    assert world.loop.turns - before < 1000
    assert world.state() == "PreparingRebalance"
