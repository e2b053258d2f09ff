"""A broker that comes back with another disk is not the replica that it was (after KIP-858)."""

from __future__ import annotations

from collections.abc import Callable

from harness.images import Given, after, change_of, cluster_of

from broker.controller.broker_registry import (
    Heartbeat,
    Registration,
    decide_fence,
    decide_heartbeat,
    decide_registration,
    decide_unregistration,
)
from broker.controller.elections import decide_elections
from broker.controller.leadership import decide_preferred_leaders
from broker.controller.reassignment import ReassignmentWish, decide_reassignments
from broker.metadata import (
    EMPTY_IMAGE,
    NO_LEADER,
    MetadataDelta,
    MetadataImage,
    PartitionImage,
    decode_snapshot,
    encode_snapshot,
)
from protocol.errors import ErrorCode, KafkaError

OLD, NEW, NEWER = b"o" * 16, b"n" * 16, b"N" * 16
PLACE = ("orders", 0)


def never(topic: str) -> bool:
    return False


def always(topic: str) -> bool:
    return True


MayBeUnclean = Callable[[str], bool]


def start(image: MetadataImage, node_id: int, directory: bytes, unclean: MayBeUnclean = never) -> MetadataImage:
    """This broker registers with this directory, and is unfenced."""
    incarnation = image.metadata_offset.to_bytes(16, "big")
    registration = Registration(node_id, incarnation, {"PLAINTEXT": (f"host-{node_id}", 9092)}, directory_id=directory)
    records, epoch = decide_registration(image, registration, may_be_unclean=unclean, has_valid_session=False)
    image = after(image, records)
    heartbeat = Heartbeat(node_id, epoch, image.metadata_offset)
    return after(image, decide_heartbeat(image, heartbeat, may_be_unclean=unclean).records)


def cluster(*partitions: Given) -> MetadataImage:
    """Three brokers, each with its first directory."""
    return cluster_of(3, partitions=partitions, directory_id=OLD)


def stop(image: MetadataImage, node_id: int, unclean: MayBeUnclean = never) -> MetadataImage:
    return after(image, decide_fence(image, node_id, may_be_unclean=unclean))


def partition_of(image: MetadataImage) -> PartitionImage:
    return image.topics_by_name["orders"].partitions[0]


def test_the_last_replica_in_sync_does_not_lead_with_another_disk() -> None:
    """It would begin with an empty log, and what was acknowledged would be gone without a word."""
    image = start(stop(cluster(((1, 2), (1,), 1)), 1), 1, NEW)
    now = partition_of(image)
    assert (now.leader, now.isr, now.last_directory) == (NO_LEADER, (1,), OLD)


def test_the_last_replica_in_sync_that_was_not_even_missed_does_not_lead_with_another_disk() -> None:
    image = start(cluster(((1, 2), (1,), 1)), 1, NEW)
    now = partition_of(image)
    assert (now.leader, now.isr, now.leader_epoch) == (NO_LEADER, (1,), 1)


def test_the_last_replica_in_sync_leads_again_when_its_disk_is_back() -> None:
    image = start(start(start(cluster(((1, 2), (1,), 1)), 1, NEW), 1, NEWER), 1, OLD)
    now = partition_of(image)
    assert (now.leader, now.isr, now.last_directory) == (1, (1,), b"")


def test_a_restart_on_the_same_disk_leads_what_it_led() -> None:
    assert partition_of(start(cluster(((1, 2), (1,), 1)), 1, OLD)).leader == 1


def test_a_broker_that_does_not_name_its_directory_is_believed_as_long_as_nobody_knows_better() -> None:
    assert partition_of(start(cluster_of(1, partitions=[((1,), (1,), 1)]), 1, NEW)).leader == 1


def test_where_others_are_in_sync_they_lead_and_the_new_disk_is_filled() -> None:
    now = partition_of(start(cluster(((1, 2, 3), (1, 2), 1)), 1, NEW))
    assert (now.leader, now.isr, now.last_directory) == (2, (2,), b"")


def test_an_unclean_leader_may_have_another_disk_where_topics_allow_it() -> None:
    image = start(stop(cluster(((1,), (1,), 1)), 1, always), 1, NEW, unclean=always)
    assert (partition_of(image).leader, partition_of(image).last_directory) == (1, b"")


def test_an_operator_may_give_up_what_only_the_lost_disk_had() -> None:
    image = start(cluster(((1, 2), (1,), 1)), 1, NEW)
    records, outcomes = decide_elections(image, [PLACE], unclean=True)
    assert outcomes == [None]
    now = change_of(image, records)
    assert (now.leader, now.isr, now.last_directory) == (1, (1,), b"")


def test_nobody_else_elects_a_replica_with_another_disk() -> None:
    """Neither the preferred leader's election, nor balancing, nor a reassignment."""
    image = start(cluster(((1, 2), (1,), 1)), 1, NEW)
    _, outcomes = decide_elections(image, [PLACE], unclean=False)
    assert isinstance(outcomes[0], KafkaError) and outcomes[0].code is ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE
    assert decide_preferred_leaders(image) == []
    for target in ([1], [1, 3], [1, 2]):
        records, _ = decide_reassignments(image, [ReassignmentWish("orders", 0, target)])
        assert change_of(image, records).leader == NO_LEADER


def test_a_broker_that_was_unregistered_is_not_followed_by_an_empty_one() -> None:
    image = stop(cluster(((1, 2), (1,), 1)), 1)
    image = after(image, decide_unregistration(image, 1, may_be_unclean=never))
    assert partition_of(start(image, 1, NEW)).leader == NO_LEADER
    assert partition_of(start(image, 1, OLD)).leader == 1


def test_what_a_partition_waits_for_is_in_the_snapshot() -> None:
    image = start(cluster(((1, 2), (1,), 1)), 1, NEW)
    _, records = decode_snapshot(encode_snapshot(image))
    delta = MetadataDelta(EMPTY_IMAGE)
    delta.replay_all(records)
    restored = delta.complete(image.metadata_offset)
    assert partition_of(restored) == partition_of(image)
    assert restored.brokers == image.brokers
