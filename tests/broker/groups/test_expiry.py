"""KIP-211: when offsets expire, and groups with them."""

from __future__ import annotations

from typing import Any

from groups_harness import START_MS, subscription

from protocol.errors import ErrorCode

MINUTE_MS = 60_000
# One minute of retention, looked at every second.
SETTINGS = {"offsets_retention_minutes": 1, "offsets_retention_check_interval_ms": 1000}


def test_offsets_of_an_emptied_group_expire_and_the_group_goes_with_them(make_world: Any) -> None:
    world = make_world(**SETTINGS)
    (only,) = world.stable_group()
    only.commit(5)
    world.leave(only.member_id)
    world.advance(MINUTE_MS - 1)
    assert world.committed() == {("orders", 0): 5}
    world.advance(1001)
    assert world.state() == "Dead"
    assert world.fresh_shard().groups == {}


def test_retention_begins_when_the_last_member_left(make_world: Any) -> None:
    world = make_world(**SETTINGS)
    (only,) = world.stable_group(1, session_ms=200_000)
    only.commit(5)
    world.advance(2 * MINUTE_MS)
    assert world.committed() == {("orders", 0): 5}
    world.leave(only.member_id)
    world.advance(MINUTE_MS - 2000)
    assert world.committed() == {("orders", 0): 5}


def test_it_still_begins_there_after_a_reload(make_world: Any) -> None:
    world = make_world(**SETTINGS)
    (only,) = world.stable_group(1, session_ms=200_000)
    only.commit(5)
    world.advance(2 * MINUTE_MS)
    world.leave(only.member_id)
    world.advance(MINUTE_MS - 2000)
    world.reload()
    world.advance(1000)
    assert world.committed() == {("orders", 0): 5}
    world.advance(2000)
    assert world.committed() == {}


def test_a_simple_groups_offsets_expire_from_their_own_commit(make_world: Any) -> None:
    world = make_world(**SETTINGS)
    world.commit(5)
    world.advance(30_000)
    world.commit(6, partitions=[1])
    world.advance(31_000)
    assert world.committed() == {("orders", 1): 6}
    world.advance(30_000)
    assert world.state() == "Dead"


def test_consumers_keep_what_they_subscribe_to(make_world: Any) -> None:
    world = make_world(**SETTINGS)
    (only,) = world.stable_group(1, session_ms=600_000, protocols={"range": subscription("orders")})
    only.commit(5)
    only.commit(6, topic="left behind")
    world.advance(2 * MINUTE_MS)
    assert world.committed() == {("orders", 0): 5}


def test_members_of_other_types_keep_everything(make_world: Any) -> None:
    world = make_world(**SETTINGS)
    (only,) = world.stable_group(1, session_ms=600_000, protocol_type="connect")
    only.commit(5)
    world.advance(2 * MINUTE_MS)
    assert world.committed() == {("orders", 0): 5}


def test_a_client_may_name_its_own_retention(make_world: Any) -> None:
    """OffsetCommit v2–v4; the record keeps it in v1, as Kafka does."""
    world = make_world(**SETTINGS)
    world.commit(5, retention_ms=5_000, version=2)
    world.commit(6, partitions=[1], retention_ms=3 * MINUTE_MS, version=2)
    world.advance(6_000)
    assert world.committed() == {("orders", 1): 6}
    world.reload()
    world.advance(MINUTE_MS)
    assert world.committed() == {("orders", 1): 6}


def test_a_v1_client_may_date_its_commit(make_world: Any) -> None:
    world = make_world(**SETTINGS)
    world.commit(5, commit_timestamp=START_MS - MINUTE_MS, version=1)
    world.advance(1000)
    assert world.committed() == {}


def test_an_empty_group_without_offsets_goes_at_the_next_look(make_world: Any) -> None:
    world = make_world(**SETTINGS)
    (only,) = world.stable_group()
    world.leave(only.member_id)
    world.advance(1000)
    assert world.state() == "Dead"


def test_expiry_that_cannot_be_written_is_tried_again(make_world: Any) -> None:
    world = make_world(**SETTINGS)
    world.commit(5)
    world.partition.refuse_with = ErrorCode.NOT_ENOUGH_REPLICAS
    world.advance(2 * MINUTE_MS)
    assert world.committed() == {("orders", 0): 5}
    world.partition.refuse_with = None
    world.advance(1000)
    assert world.committed() == {}


def test_many_tombstones_are_written_in_several_batches(make_world: Any) -> None:
    world = make_world(**SETTINGS)
    for group in range(4):
        world.commit(5, group=f"{group}" * 200, partitions=range(1000))
    before = len(world.partition.log.batches)
    world.advance(MINUTE_MS + 1000)
    assert world.shard.groups == {}
    batches = [batch for _, batch in world.partition.log.batches[before:]]
    assert len(batches) > 1
    assert max(map(len, batches)) < 1_000_000
