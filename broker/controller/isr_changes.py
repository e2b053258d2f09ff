"""AlterPartition as the controller decides it: which replicas a leader may count as in sync (KIP-497, 841, 903).

Pure: the image and one leader's wishes in; records, and one answer per partition, out. Codes are Kafka's
(ReplicationControlManager): a leader that knows less than the controller is told so (FENCED_LEADER_EPOCH,
INVALID_UPDATE_VERSION), and one that knows more than this controller must look for a newer one (NOT_CONTROLLER).
A change that brings in the last replica that a reassignment added completes the reassignment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from broker.controller.reassignment import completed
from broker.metadata import MetadataImage, MetadataRecord, PartitionChangeRecord, PartitionImage
from protocol.errors import ErrorCode


@dataclass(frozen=True, slots=True)
class IsrWish:
    """`isr`: node id and broker epoch of each, the epoch -1 where the leader does not know it."""

    topic_id: bytes
    partition: int
    leader_epoch: int
    partition_epoch: int
    isr: Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class IsrAnswer:
    topic_id: bytes
    partition: int
    error: ErrorCode
    leader: int = -1
    leader_epoch: int = -1
    isr: Sequence[int] = ()
    partition_epoch: int = -1


def decide_isr_changes(
    image: MetadataImage, broker_id: int, wishes: Sequence[IsrWish]
) -> tuple[list[MetadataRecord], list[IsrAnswer]]:
    """One answer per wish, in order; a partition that is named twice is refused the second time."""
    records: list[MetadataRecord] = []
    answers: list[IsrAnswer] = []
    seen: set[tuple[bytes, int]] = set()
    for wish in wishes:
        place = (wish.topic_id, wish.partition)
        topic = image.topics_by_id.get(wish.topic_id)
        if topic is None:
            answers.append(IsrAnswer(*place, ErrorCode.UNKNOWN_TOPIC_ID))
            continue
        if not 0 <= wish.partition < len(topic.partitions):
            answers.append(IsrAnswer(*place, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION))
            continue
        partition = topic.partitions[wish.partition]
        error = ErrorCode.INVALID_REQUEST if place in seen else _refusal(image, partition, broker_id, wish)
        if error is not ErrorCode.NONE:
            answers.append(IsrAnswer(*place, error))
            continue
        seen.add(place)
        isr = [node_id for node_id, _ in wish.isr]
        record = completed(image, wish.topic_id, partition, isr)
        if record is None and set(isr) != set(partition.isr):
            record = PartitionChangeRecord(*place, isr=isr)
        if record is not None:
            records.append(record)
        answers.append(_answer(place, partition, isr, record))
    return records, answers


def _answer(
    place: tuple[bytes, int], partition: PartitionImage, isr: list[int], record: PartitionChangeRecord | None
) -> IsrAnswer:
    """The state after the record."""
    if record is None:
        return IsrAnswer(
            *place, ErrorCode.NONE, partition.leader, partition.leader_epoch, isr, partition.partition_epoch
        )
    epoch = partition.partition_epoch + 1
    if record.leader is not None:
        # A reassignment ended with this change, and took the leader with it.
        return IsrAnswer(*place, ErrorCode.NEW_LEADER_ELECTED)
    return IsrAnswer(*place, ErrorCode.NONE, partition.leader, partition.leader_epoch, record.isr or isr, epoch)


def _refusal(image: MetadataImage, partition: PartitionImage, broker_id: int, wish: IsrWish) -> ErrorCode:
    isr = [node_id for node_id, _ in wish.isr]
    if wish.leader_epoch > partition.leader_epoch or wish.partition_epoch > partition.partition_epoch:
        return ErrorCode.NOT_CONTROLLER
    if wish.leader_epoch < partition.leader_epoch:
        return ErrorCode.FENCED_LEADER_EPOCH
    if broker_id != partition.leader:
        return ErrorCode.INVALID_REQUEST
    if wish.partition_epoch < partition.partition_epoch:
        return ErrorCode.INVALID_UPDATE_VERSION
    if broker_id not in isr or len(set(isr)) != len(isr) or not set(isr) <= set(partition.replicas):
        return ErrorCode.INVALID_REQUEST
    for node_id, epoch in wish.isr:
        broker = image.brokers.get(node_id)
        # KIP-841, KIP-903: who is fenced, or was another incarnation when it caught up, is not in sync.
        if broker is None or not broker.is_active or epoch not in (-1, broker.broker_epoch):
            return ErrorCode.INELIGIBLE_REPLICA
    return ErrorCode.NONE
