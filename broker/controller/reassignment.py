"""Moving partitions to other replicas, and giving that up (KIP-455). Pure, with Kafka's codes.

    replicas = target, then those to be removed   adding ⊆ target   removing ∩ target = ∅

While a reassignment runs, a partition has the replicas of both sides. It is complete when all that were added are in
sync: then those to be removed go, from the replicas and from the in-sync set. To cancel is to drop what was added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from broker.controller.leadership import choose_leader, may_lead
from broker.metadata import MetadataImage, MetadataRecord, PartitionChangeRecord, PartitionImage
from protocol.errors import ErrorCode, KafkaError


@dataclass(frozen=True, slots=True)
class ReassignmentWish:
    """`replicas` is the target; None gives up the reassignment that runs."""

    topic: str
    partition: int
    replicas: Sequence[int] | None


def decide_reassignments(
    image: MetadataImage, wishes: Sequence[ReassignmentWish], *, may_change_factor: bool = True
) -> tuple[list[MetadataRecord], list[KafkaError | None]]:
    """One outcome per wish, in order; None is well."""
    records: list[MetadataRecord] = []
    outcomes: list[KafkaError | None] = []
    for wish in wishes:
        try:
            record = _decide(image, wish, may_change_factor)
        except KafkaError as error:
            outcomes.append(error)
            continue
        if record is not None:
            records.append(record)
        outcomes.append(None)
    return records, outcomes


def completed(
    image: MetadataImage, topic_id: bytes, partition: PartitionImage, isr: Sequence[int]
) -> PartitionChangeRecord | None:
    """What ends the reassignment of `partition` when its in-sync set is `isr`; None while it goes on or none runs."""
    if not partition.adding_replicas and not partition.removing_replicas:
        return None
    replicas = [node_id for node_id in partition.replicas if node_id not in partition.removing_replicas]
    remaining = [node_id for node_id in isr if node_id not in partition.removing_replicas]
    if not remaining or not set(partition.adding_replicas) <= set(remaining):
        return None
    return _settled(image, topic_id, partition, replicas, remaining)


def _decide(image: MetadataImage, wish: ReassignmentWish, may_change_factor: bool) -> PartitionChangeRecord | None:
    topic = image.topics_by_name.get(wish.topic)
    if topic is None or not 0 <= wish.partition < len(topic.partitions):
        raise KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"there is no partition {wish.topic}-{wish.partition}")
    partition = topic.partitions[wish.partition]
    if wish.replicas is None:
        return _cancelled(image, topic.topic_id, partition)
    target = list(wish.replicas)
    _check_target(image, target)
    original = [node_id for node_id in partition.replicas if node_id not in partition.adding_replicas]
    if not may_change_factor and len(target) != len(original):
        raise KafkaError(
            ErrorCode.INVALID_REPLICATION_FACTOR,
            f"the request does not allow another number of replicas than {len(original)}",
        )
    adding = [node_id for node_id in target if node_id not in original]
    removing = [node_id for node_id in original if node_id not in target]
    under_way = _under_way(partition, [*target, *removing], adding, removing)
    isr = [node_id for node_id in partition.isr if node_id in under_way.replicas]
    done = completed(image, topic.topic_id, under_way, isr)
    if done is not None:
        return done
    if not adding and not removing:
        return _settled(image, topic.topic_id, partition, target, isr)
    leader = None if partition.leader in isr else choose_leader(under_way.replicas, _fit(image, partition, isr))
    return PartitionChangeRecord(
        topic.topic_id,
        partition.partition,
        replicas=list(under_way.replicas),
        isr=None if isr == list(partition.isr) else isr,
        leader=leader,
        adding_replicas=adding,
        removing_replicas=removing,
    )


def _check_target(image: MetadataImage, target: list[int]) -> None:
    strangers = [node_id for node_id in target if node_id not in image.brokers]
    problem = ""
    if not target:
        problem = "there are no replicas in it"
    elif len(set(target)) != len(target):
        problem = "it names a broker twice"
    elif strangers:
        problem = f"broker {strangers[0]} is not registered"
    if problem:
        raise KafkaError(ErrorCode.INVALID_REPLICA_ASSIGNMENT, f"the assignment {target} will not do: {problem}")


def _cancelled(image: MetadataImage, topic_id: bytes, partition: PartitionImage) -> PartitionChangeRecord:
    if not partition.adding_replicas and not partition.removing_replicas:
        raise KafkaError(ErrorCode.NO_REASSIGNMENT_IN_PROGRESS, "this partition is not being reassigned")
    added = partition.adding_replicas
    replicas = [node_id for node_id in partition.replicas if node_id not in added]
    isr = [node_id for node_id in partition.isr if node_id not in added]
    if not isr:
        raise KafkaError(
            ErrorCode.INVALID_REPLICA_ASSIGNMENT, "only added replicas are in sync: to drop them would lose records"
        )
    return _settled(image, topic_id, partition, replicas, isr)


def _settled(
    image: MetadataImage, topic_id: bytes, partition: PartitionImage, replicas: list[int], isr: list[int]
) -> PartitionChangeRecord:
    """These replicas, and no reassignment; led by the leader it has where that is one of them."""
    leader = None if partition.leader in isr else choose_leader(replicas, _fit(image, partition, isr))
    return PartitionChangeRecord(
        topic_id,
        partition.partition,
        replicas=replicas,
        isr=isr,
        leader=leader,
        adding_replicas=[],
        removing_replicas=[],
    )


def _fit(image: MetadataImage, partition: PartitionImage, isr: Sequence[int]) -> list[int]:
    return [node_id for node_id in isr if may_lead(image, partition, node_id, isr)]


def _under_way(
    partition: PartitionImage, replicas: list[int], adding: list[int], removing: list[int]
) -> PartitionImage:
    return replace(
        partition, replicas=tuple(replicas), adding_replicas=tuple(adding), removing_replicas=tuple(removing)
    )
