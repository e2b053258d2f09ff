"""The join barrier: initial delay, slow members, dead ones, and generations without anybody."""

from __future__ import annotations

from collections.abc import Callable

from groups_harness import GroupWorld

from broker.groups.group import TRANSITIONS, Group, GroupState
from protocol.errors import ErrorCode

MakeWorld = Callable[..., GroupWorld]


def test_the_first_rebalance_waits_for_more_members(make_world: MakeWorld) -> None:
    """KIP-134: members that start together get one generation, not one each."""
    world = make_world(group_initial_rebalance_delay_ms=3000)
    first = world.join(version=3)
    world.advance(2000)
    second = world.join(version=3)
    world.advance(1000)
    assert first.is_parked and second.is_parked, "a member that arrived extends the wait"
    world.advance(3000)
    assert first.response.generation_id == second.response.generation_id == 1


def test_the_first_rebalance_ends_when_nobody_else_comes(make_world: MakeWorld) -> None:
    world = make_world(group_initial_rebalance_delay_ms=3000)
    first = world.join(version=3)
    world.advance(2999)
    assert first.is_parked
    world.advance(1)
    assert first.error is ErrorCode.NONE


def test_arrivals_extend_the_first_rebalance_up_to_the_rebalance_timeout(make_world: MakeWorld) -> None:
    world = make_world(group_initial_rebalance_delay_ms=3000)
    first = world.join(version=3, rebalance_ms=8000)
    for _ in range(3):
        world.advance(2500)
        world.join(version=3, rebalance_ms=8000)
    world.advance(499)
    assert first.is_parked, "3 s, then 3 s more, then the 2 s that are left of the rebalance timeout"
    world.advance(1)
    assert len(first.response.members) == 4


def test_a_rebalance_waits_for_every_member(world: GroupWorld) -> None:
    leader, follower = world.stable_group(2)
    newcomer = world.join(version=3)
    assert newcomer.is_parked
    leader.join()
    assert newcomer.is_parked
    follower.join()
    assert newcomer.response.generation_id == leader.generation + 1


def test_a_slow_member_is_left_behind_after_the_rebalance_timeout(world: GroupWorld) -> None:
    quick, slow = world.stable_group(2, session_ms=100_000, rebalance_ms=20_000)
    quick.join()
    world.advance(19_999)
    assert slow.heartbeat() is ErrorCode.REBALANCE_IN_PROGRESS
    world.advance(1)
    quick.take_join()
    assert [member.member_id for member in world.described().members] == [quick.member_id]
    assert slow.heartbeat() is ErrorCode.UNKNOWN_MEMBER_ID


def test_a_leader_that_is_left_behind_loses_its_place(world: GroupWorld) -> None:
    slow, quick = world.stable_group(2, session_ms=100_000, rebalance_ms=20_000)
    assert slow.leads
    newcomer = world.join(version=3, rebalance_ms=20_000)
    quick.join()
    world.advance(20_000)
    quick.take_join()
    assert quick.leads
    assert newcomer.response.leader == quick.member_id


def test_a_dead_member_begins_a_rebalance(world: GroupWorld) -> None:
    alive, _dead = world.stable_group(2)
    world.advance(9_000)
    assert alive.heartbeat() is ErrorCode.NONE
    world.advance(1_000)
    assert alive.heartbeat() is ErrorCode.REBALANCE_IN_PROGRESS
    assert len(world.described().members) == 1


def test_a_dead_member_does_not_hold_up_a_rebalance(world: GroupWorld) -> None:
    alive, _dead = world.stable_group(2)
    alive.join()
    assert alive.joining is not None and alive.joining.is_parked
    world.advance(10_000)
    assert alive.joining.response.generation_id == alive.generation + 1


def test_the_last_member_that_dies_leaves_an_empty_generation(world: GroupWorld) -> None:
    (only,) = world.stable_group()
    world.advance(10_000)
    assert world.state() == "Empty"
    assert world.group().generation_id == only.generation + 1
    assert world.fresh_shard().groups["g"].state is GroupState.EMPTY


def test_a_parked_member_does_not_expire(world: GroupWorld) -> None:
    """It cannot heartbeat while it waits for our answer."""
    leader, follower = world.stable_group(2, session_ms=6000)
    leader.join()
    for _ in range(5):
        world.advance(5000)
        assert follower.heartbeat() is ErrorCode.REBALANCE_IN_PROGRESS
    assert leader.joining is not None and leader.joining.is_parked
    follower.join()
    leader.take_join()
    assert leader.heartbeat() is ErrorCode.NONE


def test_a_new_member_that_hung_up_is_dropped_after_five_minutes(make_world: MakeWorld) -> None:
    world = make_world(group_initial_rebalance_delay_ms=400_000)
    gone = world.join(version=3, rebalance_ms=800_000)
    gone.hang_up()
    stays = world.join(version=3, rebalance_ms=800_000)
    world.advance(299_999)
    assert len(world.described().members) == 2
    world.advance(1)
    assert stays.error is ErrorCode.NONE
    assert [member.member_id for member in world.described().members] == [stays.response.member_id]


def test_a_client_that_hangs_up_does_not_stop_the_others(world: GroupWorld) -> None:
    leader, follower = world.stable_group(2)
    newcomer = world.join(version=3)
    newcomer.hang_up()
    leader.join()
    follower.join()
    leader.take_join()
    follower.take_join()
    assert leader.generation == follower.generation


def test_a_member_that_never_syncs_is_removed(world: GroupWorld) -> None:
    leader, silent = world.stable_group(2, session_ms=200_000, rebalance_ms=30_000)
    leader.join()
    silent.join()
    leader.take_join()
    silent.take_join()
    assert world.sync(leader.member_id, leader.generation, {leader.member_id: b"all"}).error is ErrorCode.NONE
    world.advance(30_000)
    assert leader.heartbeat() is ErrorCode.REBALANCE_IN_PROGRESS
    assert silent.heartbeat() is ErrorCode.UNKNOWN_MEMBER_ID


def test_a_leader_that_never_syncs_does_not_park_followers_for_ever(world: GroupWorld) -> None:
    leader, follower = world.stable_group(2, session_ms=200_000, rebalance_ms=30_000)
    leader.join()
    follower.join()
    follower.take_join()
    parked = world.sync(follower.member_id, follower.generation)
    assert parked.is_parked
    world.advance(30_000)
    assert parked.error is ErrorCode.REBALANCE_IN_PROGRESS
    assert [member.member_id for member in world.described().members] == [follower.member_id]


def test_pending_members_hold_up_a_rebalance_no_longer_than_their_session(world: GroupWorld) -> None:
    (only,) = world.stable_group(1, session_ms=100_000)
    world.join(session_ms=7000)
    only.join()
    assert only.joining is not None and only.joining.is_parked
    world.advance(7000)
    assert only.joining.error is ErrorCode.NONE


def test_generations_count_up_by_one(world: GroupWorld) -> None:
    (only,) = world.stable_group()
    generations = [only.generation]
    for _ in range(3):
        only.join()
        world.settle_group([only])
        generations.append(only.generation)
    assert generations == [1, 2, 3, 4]


def test_an_empty_generation_that_cannot_be_written_is_tried_again(world: GroupWorld) -> None:
    (only,) = world.stable_group()
    world.partition.refuse_with = ErrorCode.KAFKA_STORAGE_ERROR
    assert world.leave(only.member_id).error is ErrorCode.NONE
    assert world.state() == "PreparingRebalance"
    world.partition.refuse_with = None
    world.advance(1000)
    assert world.state() == "Empty"


def test_every_state_can_die_and_only_two_are_entered_by_replay() -> None:
    assert all(GroupState.DEAD in TRANSITIONS[state] for state in GroupState if state is not GroupState.DEAD)
    assert TRANSITIONS[GroupState.DEAD] == frozenset()


def test_a_move_that_is_not_in_the_table_is_our_fault() -> None:
    legal = {(old, new) for old, targets in TRANSITIONS.items() for new in targets}
    for old in GroupState:
        for new in GroupState:
            group = Group("g")
            group.state = old
            try:
                group.enter(new)
            except AssertionError:
                assert (old, new) not in legal
            else:
                assert (old, new) in legal
