"""The replicas of new partitions: whether those a client gave will do, and their first records."""

from __future__ import annotations

from collections.abc import Sequence

from broker.controller.leadership import active_replicas, choose_leader
from broker.metadata import MetadataImage, PartitionRecord
from protocol.errors import ErrorCode, KafkaError


def check_assignment(image: MetadataImage, partition: int, replicas: Sequence[int], replication_factor: int) -> None:
    """Raises KafkaError INVALID_REPLICA_ASSIGNMENT where `partition` cannot have these replicas."""
    problem: str | None = None
    strangers = [node_id for node_id in replicas if node_id not in image.brokers]
    if not replicas:
        problem = "has no replicas"
    elif strangers:
        problem = f"is assigned to broker {strangers[0]}, which is not registered"
    elif len(set(replicas)) != len(replicas):
        problem = "is assigned to the same broker more than once"
    elif len(replicas) != replication_factor:
        problem = f"has {len(replicas)} replicas, others of its topic have {replication_factor}"
    elif not active_replicas(replicas, image.brokers):
        problem = "is assigned to brokers that are all fenced or shutting down"
    if problem is not None:
        raise KafkaError(ErrorCode.INVALID_REPLICA_ASSIGNMENT, f"partition {partition} {problem}")


def partition_records(
    image: MetadataImage, topic_id: bytes, first_partition: int, assignments: Sequence[list[int]]
) -> list[PartitionRecord]:
    records = []
    for partition, replicas in enumerate(assignments, first_partition):
        # The log is empty, so whoever is there is in sync.
        isr = active_replicas(replicas, image.brokers)
        records.append(PartitionRecord(topic_id, partition, replicas, isr, choose_leader(replicas, isr)))
    return records
