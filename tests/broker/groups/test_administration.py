"""DescribeGroups, ListGroups and DeleteGroups."""

from __future__ import annotations

from groups_harness import GroupWorld, subscription

from protocol.errors import ErrorCode
from protocol.messages.list_groups import ListGroupsRequest


def listed(world: GroupWorld, *, states: list[str] | None = None, types: list[str] | None = None) -> dict[str, str]:
    request = ListGroupsRequest(states_filter=states or [], types_filter=types or [])
    asked = world.ask(world.coordinator.list_groups(request))
    assert asked.error is ErrorCode.NONE
    return {group.group_id: group.group_state for group in asked.response.groups}


def delete(world: GroupWorld, *groups: str) -> dict[str, ErrorCode]:
    results = world.ask(world.coordinator.delete_groups(groups)).response
    return {result.group_id: ErrorCode(result.error_code) for result in results}


def test_a_stable_group_shows_what_its_members_agreed_on(world: GroupWorld) -> None:
    (only,) = world.stable_group(1, client="reader")
    described = world.described()
    assert (described.group_state, described.protocol_type, described.protocol_data) == ("Stable", "consumer", "range")
    (member,) = described.members
    assert (member.client_id, member.client_host) == ("reader", "/10.0.0.1")
    assert (member.member_metadata, member.member_assignment) == (subscription("orders"), only.member_id.encode())


def test_before_it_is_stable_there_is_no_metadata(world: GroupWorld) -> None:
    joined = world.join(version=3).response
    described = world.described()
    assert (described.group_state, described.protocol_data) == ("CompletingRebalance", "")
    assert [(m.member_id, m.member_metadata) for m in described.members] == [(joined.member_id, b"")]


def test_an_unknown_group_is_dead(world: GroupWorld) -> None:
    described = world.described("nobody")
    assert (described.group_id, described.group_state, described.error_code) == ("nobody", "Dead", ErrorCode.NONE)


def test_groups_are_listed_by_state_and_type(world: GroupWorld) -> None:
    world.stable_group(1, group="busy")
    world.commit(1, group="simple")
    assert listed(world) == {"busy": "Stable", "simple": "Empty"}
    assert listed(world, states=["stable"]) == {"busy": "Stable"}
    assert listed(world, states=[" EMPTY ", "Dead"]) == {"simple": "Empty"}
    assert listed(world, types=["Classic"]) == {"busy": "Stable", "simple": "Empty"}
    assert listed(world, types=["consumer"]) == {}


def test_an_empty_group_is_deleted_with_its_offsets(world: GroupWorld) -> None:
    (only,) = world.stable_group()
    only.commit(5)
    world.leave(only.member_id)
    assert delete(world, "g") == {"g": ErrorCode.NONE}
    assert (world.state(), world.committed()) == ("Dead", {})
    world.reload()
    assert (world.state(), world.committed()) == ("Dead", {})


def test_a_group_with_members_is_not_deleted(world: GroupWorld) -> None:
    world.stable_group(1, group="busy")
    world.commit(1, group="simple")
    assert delete(world, "busy", "simple", "nobody", "simple") == {
        "busy": ErrorCode.NON_EMPTY_GROUP,
        "simple": ErrorCode.NONE,
        "nobody": ErrorCode.GROUP_ID_NOT_FOUND,
    }
    assert listed(world) == {"busy": "Stable"}


def test_a_deletion_that_cannot_be_written_deletes_nothing(world: GroupWorld) -> None:
    world.commit(1)
    world.partition.refuse_with = ErrorCode.NOT_ENOUGH_REPLICAS
    assert delete(world, "g") == {"g": ErrorCode.COORDINATOR_NOT_AVAILABLE}
    assert world.committed() == {("orders", 0): 1}


def test_a_deleted_group_may_begin_again(world: GroupWorld) -> None:
    world.commit(1)
    delete(world, "g")
    assert world.stable_group()[0].generation == 1


def test_groups_of_other_partitions_are_not_ours(world: GroupWorld) -> None:
    world.coordinator.on_resigned(0)
    assert world.described().error_code == ErrorCode.NOT_COORDINATOR
    assert delete(world, "g") == {"g": ErrorCode.NOT_COORDINATOR}
    assert listed(world) == {}


def test_an_incomplete_list_is_an_error(world: GroupWorld) -> None:
    world.commit(1)
    world.partition.log.read_error = ErrorCode.KAFKA_STORAGE_ERROR
    world.coordinator.on_elected(world.partition, 7)
    for code in (ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, ErrorCode.COORDINATOR_NOT_AVAILABLE):
        asked = world.ask(world.coordinator.list_groups(ListGroupsRequest()))
        assert asked.error is code
