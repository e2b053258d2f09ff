"""A coordinator that restarts in the middle: what survives is what the log says, no more and no less."""

from __future__ import annotations

from groups_harness import GroupWorld

from protocol.errors import ErrorCode


def test_a_stable_group_goes_on_as_if_nothing_had_happened(world: GroupWorld) -> None:
    leader, follower = world.stable_group(2)
    leader.commit(5)
    world.reload()
    assert leader.heartbeat() is follower.heartbeat() is ErrorCode.NONE
    assert world.sync(follower.member_id, follower.generation).response.assignment == follower.member_id.encode()
    assert leader.commit(6) is ErrorCode.NONE
    assert world.committed() == {("orders", 0): 6}


def test_members_get_a_whole_session_to_come_back(world: GroupWorld) -> None:
    (only,) = world.stable_group()
    world.advance(9_000)
    world.reload()
    world.advance(9_999)
    assert only.heartbeat() is ErrorCode.NONE
    world.advance(10_000)
    assert world.state() == "Empty"


def test_an_empty_group_stays_empty(world: GroupWorld) -> None:
    (only,) = world.stable_group()
    world.leave(only.member_id)
    world.reload()
    assert world.state() == "Empty"
    assert world.stable_group()[0].generation == only.generation + 2


def test_a_rebalance_that_gathered_members_is_forgotten(world: GroupWorld) -> None:
    leader, follower = world.stable_group(2)
    leader.join()
    world.reload()
    assert leader.joining is not None
    assert leader.joining.error is ErrorCode.COORDINATOR_NOT_AVAILABLE
    assert world.state() == "Stable"
    assert follower.heartbeat() is ErrorCode.NONE


def test_a_generation_without_its_assignment_is_forgotten(world: GroupWorld) -> None:
    leader, follower = world.stable_group(2)
    leader.join()
    follower.join()
    leader.take_join()
    follower.take_join()
    parked = world.sync(follower.member_id, follower.generation)
    world.reload()
    assert parked.error is ErrorCode.COORDINATOR_NOT_AVAILABLE
    assert world.state() == "Stable"
    assert leader.heartbeat() is ErrorCode.ILLEGAL_GENERATION, "they join again"
    for consumer in (leader, follower):
        consumer.join()
    world.settle_group([leader, follower])
    assert leader.heartbeat() is ErrorCode.NONE


def test_pending_members_are_forgotten(world: GroupWorld) -> None:
    world.stable_group()
    pending = world.join().response.member_id
    world.reload()
    assert world.join(pending).error is ErrorCode.UNKNOWN_MEMBER_ID


def test_a_deleted_group_stays_deleted(world: GroupWorld) -> None:
    world.commit(5)
    world.ask(world.coordinator.delete_groups(["g"]))
    world.reload()
    assert world.state() == "Dead"


def test_a_compacted_log_means_the_same(world: GroupWorld) -> None:
    leader, _ = world.stable_group(2)
    for offset in range(20):
        leader.commit(offset, partitions=[offset % 3])
    world.commit(1, group="gone")
    world.ask(world.coordinator.delete_groups(["gone"]))
    before = (world.committed(), world.described())
    world.partition.log.compact()
    world.reload()
    assert (world.committed(), world.described()) == before


def test_members_that_changed_between_generations_are_those_of_the_last(world: GroupWorld) -> None:
    first, second = world.stable_group(2)
    world.leave(first.member_id)
    second.join()
    world.settle_group([second])
    newcomer, third = world.stable_group(0), second
    assert newcomer == []
    world.reload()
    assert [member.member_id for member in world.described().members] == [third.member_id]
    assert third.heartbeat() is ErrorCode.NONE


def test_a_group_above_a_lowered_limit_shrinks(world: GroupWorld) -> None:
    consumers = world.stable_group(3)
    world.settings["group.max.size"] = "2"
    world.reload()
    assert world.state() == "PreparingRebalance"
    answers = [world.join(consumer.member_id) for consumer in consumers]
    assert answers[2].error is ErrorCode.GROUP_MAX_SIZE_REACHED
    assert [asked.error for asked in answers[:2]] == [ErrorCode.NONE, ErrorCode.NONE]


def test_while_it_loads_only_heartbeats_are_answered(world: GroupWorld) -> None:
    (only,) = world.stable_group()
    world.coordinator.close()
    world.partition.hold()
    world.partition.high_watermark = 0
    world.coordinator = world._new_coordinator()
    assert only.heartbeat() is ErrorCode.NONE
    assert only.commit(1) is ErrorCode.COORDINATOR_LOAD_IN_PROGRESS
    assert world.join().error is ErrorCode.COORDINATOR_LOAD_IN_PROGRESS
    assert world.sync(only.member_id, 1).error is ErrorCode.COORDINATOR_LOAD_IN_PROGRESS
    assert world.leave(only.member_id).error is ErrorCode.COORDINATOR_LOAD_IN_PROGRESS
    assert world.described().error_code == ErrorCode.COORDINATOR_LOAD_IN_PROGRESS
    world.coordinator.on_topics_deleted(["orders"])
    world.partition.release()
    world.loop.settle()
    assert only.heartbeat() is ErrorCode.NONE
    assert only.commit(1) is ErrorCode.NONE
