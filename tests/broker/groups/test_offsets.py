"""OffsetCommit, OffsetFetch and OffsetDelete."""

from __future__ import annotations

from typing import Any

import pytest
from groups_harness import GroupWorld, subscription

from protocol.errors import ErrorCode
from protocol.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteRequestPartition,
    OffsetDeleteRequestTopic,
)
from protocol.messages.offset_fetch import OffsetFetchRequestGroup, OffsetFetchRequestTopics

TOPIC_ID, OTHER_ID = b"\x01" * 16, b"\x02" * 16


def fetch(world: GroupWorld, *partitions: int, topic_id: bytes = bytes(16), group: str = "g") -> list[Any]:
    topics = [OffsetFetchRequestTopics(name="orders", topic_id=topic_id, partition_indexes=list(partitions))]
    asked = world.ask(world.coordinator.fetch_offsets(OffsetFetchRequestGroup(group_id=group, topics=topics)))
    assert asked.error is ErrorCode.NONE
    return list(asked.response.topics[0].partitions)


def test_a_member_commits_and_fetches(world: GroupWorld) -> None:
    (only,) = world.stable_group()
    assert only.commit(42, metadata="checkpoint 7", leader_epoch=3) is ErrorCode.NONE
    (fetched,) = fetch(world, 0)
    assert (fetched.committed_offset, fetched.metadata, fetched.committed_leader_epoch) == (42, "checkpoint 7", 3)


def test_what_was_never_committed_is_no_error(world: GroupWorld) -> None:
    world.commit(5)
    for fetched in (*fetch(world, 1), *fetch(world, 0, group="other")):
        assert (fetched.committed_offset, fetched.committed_leader_epoch) == (-1, -1)
        assert (fetched.metadata, fetched.error_code) == ("", ErrorCode.NONE)
    assert world.committed("other") == {}


def test_all_offsets_of_a_group(world: GroupWorld) -> None:
    world.commit(5, partitions=[0, 2])
    world.commit(6, topic="payments")
    world.commit(7, group="other")
    assert world.committed() == {("orders", 0): 5, ("orders", 2): 5, ("payments", 0): 6}


def test_a_group_begins_with_a_commit_of_a_consumer_without_membership(world: GroupWorld) -> None:
    assert world.commit(5).error is ErrorCode.NONE
    assert (world.state(), world.described().protocol_type) == ("Empty", "")
    assert world.stable_group()[0].generation == 1, "and may get members later"


@pytest.mark.parametrize(("version", "code"), [(8, ErrorCode.ILLEGAL_GENERATION), (9, ErrorCode.GROUP_ID_NOT_FOUND)])
def test_a_generation_of_an_unknown_group(world: GroupWorld, version: int, code: ErrorCode) -> None:
    assert world.commit(5, member_id="m", generation=3, version=version).error is code


def test_nobody_commits_to_a_group_with_members_but_they(world: GroupWorld) -> None:
    (only,) = world.stable_group()
    assert world.commit(5).error is ErrorCode.UNKNOWN_MEMBER_ID
    assert world.commit(5, member_id="stranger", generation=only.generation).error is ErrorCode.UNKNOWN_MEMBER_ID
    stale = world.commit(5, member_id=only.member_id, generation=only.generation - 1)
    assert stale.error is ErrorCode.ILLEGAL_GENERATION
    assert world.commit(5, member_id=only.member_id, generation=-1).error is ErrorCode.ILLEGAL_GENERATION
    assert world.committed() == {}


def test_members_commit_while_a_rebalance_gathers(world: GroupWorld) -> None:
    """They finish what they hold before they join again."""
    leader, follower = world.stable_group(2)
    world.join(leader.member_id)
    assert follower.commit(9) is ErrorCode.NONE


def test_a_commit_before_the_assignment_is_refused(world: GroupWorld) -> None:
    (only,) = world.stable_group()
    only.join()
    only.take_join()
    assert only.commit(9) is ErrorCode.REBALANCE_IN_PROGRESS


def test_an_administrator_commits_to_an_emptied_group(world: GroupWorld) -> None:
    (only,) = world.stable_group()
    world.leave(only.member_id)
    assert world.commit(3).error is ErrorCode.NONE
    stale = world.commit(4, member_id=only.member_id, generation=only.generation)
    assert stale.error is ErrorCode.UNKNOWN_MEMBER_ID


def test_a_commit_counts_as_a_heartbeat(world: GroupWorld) -> None:
    (only,) = world.stable_group()
    for offset in range(5):
        world.advance(9_999)
        assert only.commit(offset) is ErrorCode.NONE


def test_metadata_that_is_too_long_is_refused_alone(make_world: Any) -> None:
    world = make_world(offset_metadata_max_bytes=8)
    assert world.commit(1, metadata="123456789").error is ErrorCode.OFFSET_METADATA_TOO_LARGE
    assert world.commit(1, partitions=[1], metadata="12345678").error is ErrorCode.NONE
    assert world.committed() == {("orders", 1): 1}


def test_metadata_may_be_null(world: GroupWorld) -> None:
    world.commit(1, metadata=None)
    assert fetch(world, 0)[0].metadata == ""


def test_a_commit_is_answered_once_it_is_committed(world: GroupWorld) -> None:
    world.partition.hold()
    asked = world.commit(5)
    assert asked.is_parked
    reading = world.ask(world.coordinator.fetch_offsets(OffsetFetchRequestGroup(group_id="g", topics=None)))
    assert reading.is_parked, "nobody sees what could still be lost"
    world.partition.release()
    world.loop.settle()
    assert asked.error is ErrorCode.NONE
    assert reading.response.topics[0].partitions[0].committed_offset == 5


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (ErrorCode.NOT_ENOUGH_REPLICAS, ErrorCode.COORDINATOR_NOT_AVAILABLE),
        (ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.COORDINATOR_NOT_AVAILABLE),
        (ErrorCode.NOT_LEADER_OR_FOLLOWER, ErrorCode.NOT_COORDINATOR),
        (ErrorCode.KAFKA_STORAGE_ERROR, ErrorCode.NOT_COORDINATOR),
        (ErrorCode.MESSAGE_TOO_LARGE, ErrorCode.UNKNOWN_SERVER_ERROR),
    ],
)
def test_a_refused_append_changes_nothing(world: GroupWorld, refusal: ErrorCode, code: ErrorCode) -> None:
    world.commit(5)
    world.partition.refuse_with = refusal
    assert world.commit(6).error is code
    world.partition.refuse_with = None
    assert world.committed() == {("orders", 0): 5}


def test_an_offset_of_a_recreated_topic_is_not_found_by_its_new_id(world: GroupWorld) -> None:
    """KIP-516: the name is the same, the records are not."""
    world.commit(5, topic_id=TOPIC_ID, version=10)
    assert fetch(world, 0, topic_id=TOPIC_ID)[0].committed_offset == 5
    assert fetch(world, 0)[0].committed_offset == 5
    assert fetch(world, 0, topic_id=OTHER_ID)[0].committed_offset == -1


def test_offsets_of_a_deleted_topic_go_with_it(world: GroupWorld) -> None:
    world.commit(5, partitions=[0, 1])
    world.commit(6, topic="payments")
    world.commit(7, group="other")
    world.coordinator.on_topics_deleted(["orders"])
    assert world.committed() == {("payments", 0): 6}
    assert world.committed("other") == {}
    world.reload()
    assert world.committed() == {("payments", 0): 6}


# --- OffsetDelete ------------------------------------------------------------------------------------------------


def delete(world: GroupWorld, *partitions: int, topic: str = "orders", group: str = "g") -> Any:
    request = OffsetDeleteRequest(
        group_id=group,
        topics=[
            OffsetDeleteRequestTopic(
                name=topic, partitions=[OffsetDeleteRequestPartition(partition_index=index) for index in partitions]
            )
        ],
    )
    return world.ask(world.coordinator.delete_offsets(request)).response


def test_offsets_are_deleted_one_by_one(world: GroupWorld) -> None:
    world.commit(5, partitions=[0, 1])
    response = delete(world, 0, 7)
    assert [p.error_code for p in response.topics[0].partitions] == [ErrorCode.NONE, ErrorCode.NONE]
    assert world.committed() == {("orders", 1): 5}
    world.reload()
    assert world.committed() == {("orders", 1): 5}


def test_offsets_in_use_are_not_deleted(world: GroupWorld) -> None:
    (only,) = world.stable_group(1, protocols={"range": subscription("orders", version=3)})
    only.commit(5)
    only.commit(6, topic="payments")
    assert delete(world, 0).topics[0].partitions[0].error_code == ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC
    assert delete(world, 0, topic="payments").topics[0].partitions[0].error_code == ErrorCode.NONE
    assert world.committed() == {("orders", 0): 5}


def test_unreadable_subscriptions_count_as_all_topics(world: GroupWorld) -> None:
    (only,) = world.stable_group(1, protocols={"range": b"\x00"})
    only.commit(5)
    assert delete(world, 0).topics[0].partitions[0].error_code == ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC


def test_offset_delete_refuses_the_whole_request(world: GroupWorld) -> None:
    assert delete(world, 0, group="").error_code == ErrorCode.INVALID_GROUP_ID
    assert delete(world, 0, group="nobody").error_code == ErrorCode.GROUP_ID_NOT_FOUND
    world.stable_group(1, group="workers", protocol_type="connect")
    assert delete(world, 0, group="workers").error_code == ErrorCode.NON_EMPTY_GROUP
