"""AlterPartition as the controller decides it: who may be in sync, and who knows less than it does."""

from __future__ import annotations

import pytest
from harness.images import TOPIC_ID, change_of, cluster_of, epoch_of

from broker.controller.isr_changes import IsrWish, decide_isr_changes
from broker.metadata import MetadataImage
from protocol.errors import ErrorCode

LEADER_EPOCH, PARTITION_EPOCH = 5, 9


def cluster(**rest: object) -> MetadataImage:
    return cluster_of(
        4,
        partitions=[((1, 2, 3), (1, 2), 1)],
        leader_epoch=LEADER_EPOCH,
        partition_epoch=PARTITION_EPOCH,
        **rest,  # type: ignore[arg-type]
    )


def wish(*isr: int, topic_id: bytes = TOPIC_ID, **rest: int) -> IsrWish:
    given = {"partition": 0, "leader_epoch": LEADER_EPOCH, "partition_epoch": PARTITION_EPOCH, **rest}
    return IsrWish(topic_id, isr=[(node_id, epoch_of(node_id)) for node_id in isr], **given)


def refusal(image: MetadataImage, asked: IsrWish, *, by: int = 1) -> ErrorCode:
    records, (answer,) = decide_isr_changes(image, by, [asked])
    assert not records
    return answer.error


def test_a_leader_takes_replicas_in_and_out_of_its_in_sync_set() -> None:
    image = cluster()
    for isr in ((1, 2, 3), (1,)):
        records, (answer,) = decide_isr_changes(image, 1, [wish(*isr)])
        now = change_of(image, records)
        assert now.isr == isr
        assert (answer.error, answer.leader, answer.leader_epoch) == (ErrorCode.NONE, 1, LEADER_EPOCH)
        assert (list(answer.isr), answer.partition_epoch) == (list(now.isr), now.partition_epoch)


def test_what_is_so_already_is_answered_without_a_record() -> None:
    records, (answer,) = decide_isr_changes(cluster(), 1, [wish(2, 1)])
    assert not records
    assert (answer.error, answer.partition_epoch) == (ErrorCode.NONE, PARTITION_EPOCH)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (wish(1, 2, 3, topic_id=b"another-topic-id"), ErrorCode.UNKNOWN_TOPIC_ID),
        (wish(1, 2, 3, partition=7), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
        (wish(1, 2, 3, leader_epoch=LEADER_EPOCH - 1), ErrorCode.FENCED_LEADER_EPOCH),
        (wish(1, 2, 3, partition_epoch=PARTITION_EPOCH - 1), ErrorCode.INVALID_UPDATE_VERSION),
        (wish(1, 2, 3, leader_epoch=LEADER_EPOCH + 1), ErrorCode.NOT_CONTROLLER),
        (wish(1, 2, 3, partition_epoch=PARTITION_EPOCH + 1), ErrorCode.NOT_CONTROLLER),
        (wish(2, 3), ErrorCode.INVALID_REQUEST),
        (wish(1, 4), ErrorCode.INVALID_REQUEST),
        (wish(1, 1), ErrorCode.INVALID_REQUEST),
    ],
)
def test_a_change_that_does_not_fit_is_refused(asked: IsrWish, code: ErrorCode) -> None:
    assert refusal(cluster(), asked) is code


def test_only_the_leader_may_ask() -> None:
    assert refusal(cluster(), wish(1, 2, 3), by=2) is ErrorCode.INVALID_REQUEST


def test_a_replica_that_is_fenced_or_on_its_way_out_is_not_in_sync() -> None:
    assert refusal(cluster(fenced={3}), wish(1, 2, 3)) is ErrorCode.INELIGIBLE_REPLICA
    assert refusal(cluster(shutting_down={3}), wish(1, 2, 3)) is ErrorCode.INELIGIBLE_REPLICA


def test_a_replica_that_restarted_since_it_caught_up_is_not_in_sync() -> None:
    """KIP-903: it may have lost what it had."""
    asked = IsrWish(TOPIC_ID, 0, LEADER_EPOCH, PARTITION_EPOCH, [(1, epoch_of(1)), (2, epoch_of(2)), (3, 7)])
    assert refusal(cluster(), asked) is ErrorCode.INELIGIBLE_REPLICA


def test_the_last_added_replica_completes_a_reassignment() -> None:
    image = cluster_of(4, partitions=[((3, 4, 2, 1), (1, 2, 3), 2, (3, 4), (1,))])
    asked = IsrWish(TOPIC_ID, 0, 0, 0, [(node_id, epoch_of(node_id)) for node_id in (1, 2, 3, 4)])
    records, (answer,) = decide_isr_changes(image, 2, [asked])
    now = change_of(image, records)
    assert (now.replicas, now.isr, now.leader) == ((3, 4, 2), (2, 3, 4), 2)
    assert not now.adding_replicas and not now.removing_replicas
    assert (answer.error, list(answer.isr)) == (ErrorCode.NONE, [2, 3, 4])


def test_a_leader_that_a_completed_reassignment_removes_is_told_of_the_new_one() -> None:
    image = cluster_of(3, partitions=[((2, 3, 1), (1, 2), 1, (2, 3), (1,))])
    asked = IsrWish(TOPIC_ID, 0, 0, 0, [(node_id, epoch_of(node_id)) for node_id in (1, 2, 3)])
    records, (answer,) = decide_isr_changes(image, 1, [asked])
    now = change_of(image, records)
    assert (now.replicas, now.leader, now.leader_epoch) == ((2, 3), 2, 1)
    assert answer.error is ErrorCode.NEW_LEADER_ELECTED


def test_a_replica_that_joins_with_the_change_that_completes_a_reassignment_may_lead_at_once() -> None:
    image = cluster_of(4, partitions=[((4, 1), (1,), 1, (4,), (1,))])
    asked = IsrWish(TOPIC_ID, 0, 0, 0, [(1, epoch_of(1)), (4, epoch_of(4))])
    records, _ = decide_isr_changes(image, 1, [asked])
    now = change_of(image, records)
    assert (now.replicas, now.isr, now.leader) == ((4,), (4,), 4)
