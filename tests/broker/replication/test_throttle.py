"""Replicas that catch up leave room for clients: they are as fast as an operator allows, those in sync as they can."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
from harness.images import after, cluster_of
from replication_harness.world import TOPIC_ID, ReplicaWorld

from broker.clock import SystemClock
from broker.config import BrokerConfig
from broker.metadata import RESOURCE_TOPIC, ConfigRecord, MetadataPublisher, PartitionChangeRecord
from broker.replication import FOLLOWER, LEADER, ReplicationThrottle, ThrottleSettings
from broker.replication.throttle import PAUSE_S_MAX, PAUSE_S_MIN, Rate

RATE = 10_000
BATCHES = 400
# What one fetch may bring on top: replica.fetch.max.bytes of the harness, or one batch that is larger.
ONE_FETCH_BYTES = 600
BEHIND = 3


def test_a_rate_is_bytes_over_the_time_since_the_oldest_sample_and_at_least_a_window() -> None:
    rate = Rate(samples_max=11, window_ms=1000)
    rate.record(500, now_ms=0)
    assert rate.bytes_per_second(now_ms=10) == 500
    rate.record(500, now_ms=500)
    assert rate.bytes_per_second(now_ms=500) == 1000
    assert rate.bytes_per_second(now_ms=4000) == 250
    rate.record(3000, now_ms=4000)
    assert rate.bytes_per_second(now_ms=5000) == 800


def test_a_sample_is_forgotten_when_all_windows_have_passed() -> None:
    rate = Rate(samples_max=3, window_ms=1000)
    rate.record(9000, now_ms=0)
    rate.record(1000, now_ms=1500)
    assert rate.bytes_per_second(now_ms=2999) == pytest.approx(10_000 / 2.999)
    assert rate.bytes_per_second(now_ms=3000) == pytest.approx(1000 / 1.5)
    assert rate.bytes_per_second(now_ms=5000) == 0


def test_the_time_until_a_rate_is_low_enough_is_told() -> None:
    rate = Rate(samples_max=11, window_ms=1000)
    rate.record(3000, now_ms=0)
    assert rate.ms_until_at_most(1000, now_ms=0) == 2000
    assert rate.bytes_per_second(now_ms=2999) > 1000
    assert rate.bytes_per_second(now_ms=3000) == 1000


def throttle_of(settings: ThrottleSettings, replicas: str | None, node_id: int = 2) -> ReplicationThrottle:
    image = cluster_of(3, partitions=[((1, 2), (1, 2), 1), ((1, 2), (1,), 1)])
    if replicas is not None:
        image = after(image, [ConfigRecord(RESOURCE_TOPIC, "orders", settings.replicas, replicas)])
    config = BrokerConfig.from_properties({"node.id": str(node_id), "follower.replication.throttled.rate": "0"})
    return ReplicationThrottle(
        settings, config, config=lambda: config, publisher=MetadataPublisher(image), clock=SystemClock()
    )


@pytest.mark.parametrize("settings", [LEADER, FOLLOWER])
@pytest.mark.parametrize(
    ("replicas", "covered"),
    [(None, []), ("", []), ("*", [0, 1]), ("1:2", [1]), ("0:1,1:3", []), (" 0:2 , 1:2 ", [0, 1])],
)
def test_a_topic_names_the_replicas_of_each_broker(
    settings: ThrottleSettings, replicas: str | None, covered: list[int]
) -> None:
    throttle = throttle_of(settings, replicas)
    assert [index for index in (0, 1) if throttle.covers("orders", index)] == covered
    assert not throttle.covers("payments", 0)


def test_in_sync_is_what_the_image_says() -> None:
    throttle = throttle_of(FOLLOWER, "*")
    assert throttle.is_in_sync("orders", 0)
    assert not throttle.is_in_sync("orders", 1)
    assert not throttle.is_in_sync("payments", 0)


def test_a_rate_of_nothing_stops_after_the_first_byte_and_the_pause_has_bounds() -> None:
    throttle = throttle_of(FOLLOWER, "*")
    assert not throttle.is_exceeded
    throttle.record(1)
    assert throttle.is_exceeded
    assert PAUSE_S_MIN <= throttle.pause_s <= PAUSE_S_MAX


def test_without_a_rate_nothing_is_ever_too_fast() -> None:
    throttle = throttle_of(LEADER, "*")
    throttle.record(1 << 60)
    assert not throttle.is_exceeded


# --- in virtual time -------------------------------------------------------------------------------------------------


@pytest.fixture
def world() -> Iterator[ReplicaWorld]:
    """Three replicas, of which one was away while the others got some hundred batches."""
    world = ReplicaWorld(seed=1)
    behind = world.nodes[BEHIND]
    behind.crash(power_loss=False)
    world.fence(BEHIND)
    world.run(50)
    for _ in range(BATCHES):
        world.produce()
        world.run(5)
    yield world
    world.loop.close()


def throttled(world: ReplicaWorld, settings: ThrottleSettings, replicas: str = "*") -> None:
    rate = "leader_replication_throttled_rate" if settings is LEADER else "follower_replication_throttled_rate"
    world.config = dataclasses.replace(world.config, **dict[str, Any]({rate: RATE}))
    world.propose([ConfigRecord(RESOURCE_TOPIC, "t", settings.replicas, replicas)])
    world.run(50)


def fetched_bytes(world: ReplicaWorld) -> int:
    partition = world.nodes[BEHIND].partition
    if partition is None:
        return 0
    return sum(segment.size_bytes for segment in partition.log.segments)


def is_in_sync(world: ReplicaWorld) -> bool:
    return BEHIND in world.image.topics_by_id[TOPIC_ID].partitions[0].isr


@pytest.mark.parametrize("settings", [LEADER, FOLLOWER])
def test_a_replica_that_catches_up_is_sent_no_more_than_the_rate_and_not_much_less(
    world: ReplicaWorld, settings: ThrottleSettings
) -> None:
    throttled(world, settings)
    world.nodes[BEHIND].start()
    at_start, began_ms = fetched_bytes(world), world.now_ms
    for _ in range(8):
        world.run(1000)
        elapsed_s = (world.now_ms - began_ms) / 1000
        fetched = fetched_bytes(world) - at_start
        assert fetched <= RATE * elapsed_s + ONE_FETCH_BYTES
        assert not is_in_sync(world)
    assert fetched >= RATE * elapsed_s * 0.6


@pytest.mark.parametrize("settings", [LEADER, FOLLOWER])
def test_a_throttled_replica_gets_there_in_the_end_and_at_once_when_the_rate_is_lifted(
    world: ReplicaWorld, settings: ThrottleSettings
) -> None:
    throttled(world, settings)
    world.nodes[BEHIND].start()
    world.run(2000)
    assert not is_in_sync(world)
    world.config = dataclasses.replace(
        world.config, leader_replication_throttled_rate=1 << 40, follower_replication_throttled_rate=1 << 40
    )
    world.run(3000)
    assert is_in_sync(world)
    world.heal()
    world.check_end()


def test_a_replica_that_is_not_named_is_not_throttled(world: ReplicaWorld) -> None:
    throttled(world, FOLLOWER, replicas="0:1,0:2")
    world.nodes[BEHIND].start()
    world.run(3000)
    assert is_in_sync(world)


@pytest.mark.parametrize("settings", [LEADER, FOLLOWER])
def test_replicas_in_sync_are_never_held_back(world: ReplicaWorld, settings: ThrottleSettings) -> None:
    nothing_more_is_allowed(world, settings)
    before = len(world.acknowledged)
    for _ in range(20):
        world.produce()
        world.run(40)
    assert len(world.acknowledged) - before >= 38, "an acknowledgement waits for both that are in sync"


def all_in_sync(world: ReplicaWorld) -> None:
    world.nodes[BEHIND].start()
    world.run(3000)
    assert is_in_sync(world)


def nothing_more_is_allowed(world: ReplicaWorld, settings: ThrottleSettings) -> None:
    throttled(world, settings)
    world.config = dataclasses.replace(
        world.config, leader_replication_throttled_rate=0, follower_replication_throttled_rate=0
    )


def test_a_replica_that_has_everything_joins_however_little_is_allowed(world: ReplicaWorld) -> None:
    """Its next fetch is the acknowledgement, and brings nothing."""
    all_in_sync(world)
    world.nodes[BEHIND].crash(power_loss=False)
    world.fence(BEHIND)
    world.run(50)
    world.produce()
    world.run(50)
    nothing_more_is_allowed(world, FOLLOWER)
    world.nodes[BEHIND].start()
    world.run(1500)
    assert is_in_sync(world)


def test_replicas_in_sync_are_not_held_back_by_a_new_leader(world: ReplicaWorld) -> None:
    all_in_sync(world)
    nothing_more_is_allowed(world, FOLLOWER)
    for _ in range(5):
        world.produce()
        world.run(50)
    world.propose([PartitionChangeRecord(TOPIC_ID, 0, leader=2)])
    world.run(50)
    before = len(world.acknowledged)
    world.produce()
    world.run(500)
    assert len(world.acknowledged) == before + 2


def test_a_throttled_replica_is_not_answered_for_every_append(world: ReplicaWorld) -> None:
    """It is looked at again when its request has waited: an answer without records would bring the next at once."""
    nothing_more_is_allowed(world, LEADER)
    behind = world.nodes[BEHIND]
    behind.start()
    world.run(1000)
    link = [link for link in world.links if link.source is behind and link.target_id == 1][-1]
    answers_before = link.answers
    for _ in range(100):
        world.produce()
        world.run(10)
    # Each append moves the high watermark, which may go out every 20 ms; each would be two answers with its records.
    assert link.answers - answers_before < 60
