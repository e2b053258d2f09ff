"""Rules for topics that exist: growing them and removing them. Pure, with Kafka's codes, as in `topics`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from broker.controller.assignments import check_assignment, partition_records
from broker.controller.placement import place_replicas
from broker.controller.topic_results import PARTITIONS_PER_REQUEST_MAX, TopicResult, once_each, refusal
from broker.metadata import (
    MetadataImage,
    MetadataRecord,
    PartitionRecord,
    RemoveTopicRecord,
    TopicImage,
)
from protocol.errors import ErrorCode, KafkaError


@dataclass(frozen=True, slots=True)
class NewPartitions:
    """A topic to grow to `count` partitions; `assignments` for the added ones, None for automatic."""

    name: str
    count: int
    assignments: Sequence[Sequence[int]] | None = None


def decide_create_partitions(
    image: MetadataImage, topics: Sequence[NewPartitions]
) -> tuple[list[MetadataRecord], list[TopicResult]]:
    """One result per name, in the order of the request."""
    records: list[MetadataRecord] = []
    results: list[TopicResult] = []
    for topic in once_each(topics, results):
        try:
            added = _added_partitions(image, topic)
        except KafkaError as error:
            results.append(TopicResult(topic.name, error=error))
            continue
        records += added
        results.append(TopicResult(topic.name))
    return records, results


def _added_partitions(image: MetadataImage, request: NewPartitions) -> list[PartitionRecord]:
    topic = image.topics_by_name.get(request.name)
    if topic is None:
        raise KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"topic '{request.name}' does not exist")
    existing = len(topic.partitions)
    added = request.count - existing
    if added <= 0:
        raise KafkaError(
            ErrorCode.INVALID_PARTITIONS,
            f"topic '{topic.name}' has {existing} partitions; {request.count} would not be more",
        )
    if added > PARTITIONS_PER_REQUEST_MAX:
        raise KafkaError(
            ErrorCode.POLICY_VIOLATION, f"more than {PARTITIONS_PER_REQUEST_MAX} partitions in one request"
        )
    replication_factor = len(topic.partitions[0].replicas)
    if request.assignments is None:
        assignments = place_replicas(
            list(image.brokers.values()),
            first_partition=existing,
            partition_count=added,
            replication_factor=replication_factor,
            shift=int.from_bytes(topic.topic_id[:4], "big"),
        )
    else:
        assignments = _added_assignments(image, topic, request.assignments, added, replication_factor)
    return partition_records(image, topic.topic_id, existing, assignments)


def _added_assignments(
    image: MetadataImage,
    topic: TopicImage,
    assignments: Sequence[Sequence[int]],
    added: int,
    replication_factor: int,
) -> list[list[int]]:
    if len(assignments) != added:
        raise KafkaError(
            ErrorCode.INVALID_REPLICA_ASSIGNMENT,
            f"{added} partitions are added, but {len(assignments)} assignments are given",
        )
    for partition, replicas in enumerate(assignments, len(topic.partitions)):
        check_assignment(image, partition, replicas, replication_factor)
    return [list(replicas) for replicas in assignments]


def decide_delete_topics(
    image: MetadataImage, *, names: Sequence[str], topic_ids: Sequence[bytes]
) -> tuple[list[MetadataRecord], list[TopicResult]]:
    """One result per name and then per id, a topic that the request means twice once."""
    records: list[MetadataRecord] = []
    results: list[TopicResult] = []
    ids_asked = set(topic_ids)
    for name, count in Counter(names).items():
        topic = image.topics_by_name.get(name)
        if count > 1:
            results.append(refusal(name, ErrorCode.INVALID_REQUEST, "the request names this topic twice"))
        elif topic is None:
            problem = f"topic '{name}' does not exist"
            results.append(refusal(name, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, problem))
        elif topic.topic_id in ids_asked:
            problem = "the request means this topic by its name and by its id"
            results.append(refusal(name, ErrorCode.INVALID_REQUEST, problem))
        else:
            records.append(RemoveTopicRecord(topic.topic_id))
            results.append(TopicResult(name, topic.topic_id))
    names_asked = set(names)
    for topic_id, count in Counter(topic_ids).items():
        topic = image.topics_by_id.get(topic_id)
        if count > 1:
            problem = "the request names this topic id twice"
            results.append(refusal(None, ErrorCode.INVALID_REQUEST, problem, topic_id))
        elif topic is None:
            results.append(refusal(None, ErrorCode.UNKNOWN_TOPIC_ID, "no topic has this id", topic_id))
        elif topic.name not in names_asked:
            records.append(RemoveTopicRecord(topic_id))
            results.append(TopicResult(topic.name, topic_id))
    return records, results
