"""Rules for new topics: what may be created, and the records that do it.

Codes are Kafka's (ReplicationControlManager); where it answers with the first of several faults, so does this.
Pure: the image and the request in, records and one result per topic out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from broker.controller.assignments import check_assignment, partition_records
from broker.controller.placement import place_replicas
from broker.controller.topic_results import PARTITIONS_PER_REQUEST_MAX, TopicResult, once_each
from broker.metadata import (
    RESOURCE_TOPIC,
    ConfigRecord,
    MetadataImage,
    MetadataRecord,
    TopicRecord,
    collision_key,
    topic_name_problem,
)
from broker.metadata.topic_names import CLUSTER_METADATA
from protocol.errors import ErrorCode, KafkaError

# "Not said": the broker's default.
UNSPECIFIED = -1

ConfigValidator = Callable[[Mapping[str, str | None]], dict[str, str]]


@dataclass(frozen=True, slots=True)
class NewTopic:
    """A topic to create. `assignments`: (partition, broker ids) as the client sent them, empty for automatic."""

    name: str
    num_partitions: int = UNSPECIFIED
    replication_factor: int = UNSPECIFIED
    assignments: Sequence[tuple[int, Sequence[int]]] = ()
    configs: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TopicDefaults:
    num_partitions: int
    replication_factor: int


@dataclass(frozen=True, slots=True)
class CreateTopicsDecision:
    records: list[MetadataRecord]
    results: list[TopicResult]


def decide_create_topics(
    image: MetadataImage,
    topics: Sequence[NewTopic],
    *,
    defaults: TopicDefaults,
    validate_configs: ConfigValidator,
    make_uuid: Callable[[], bytes],
) -> CreateTopicsDecision:
    """One result per name, in the order of the request; raises KafkaError for the request as a whole."""
    _check_total_partitions(topics, defaults)
    records: list[MetadataRecord] = []
    results: list[TopicResult] = []
    keys_of_request: dict[str, str] = {}
    for topic in once_each(topics, results):
        try:
            _check_name(image, topic.name, keys_of_request)
            configs = validate_configs(topic.configs)
            topic_id = make_uuid()
            assignments = _assignments_of(image, topic, defaults, shift=int.from_bytes(topic_id[:4], "big"))
        except KafkaError as error:
            results.append(TopicResult(topic.name, error=error))
            continue
        key = collision_key(topic.name)
        if key is not None:
            keys_of_request[key] = topic.name
        records.append(TopicRecord(topic.name, topic_id))
        records += [ConfigRecord(RESOURCE_TOPIC, topic.name, k, v) for k, v in configs.items()]
        records += partition_records(image, topic_id, 0, assignments)
        results.append(TopicResult(topic.name, topic_id, None, len(assignments), len(assignments[0]), configs))
    return CreateTopicsDecision(records, results)


def _check_total_partitions(topics: Iterable[NewTopic], defaults: TopicDefaults) -> None:
    total = 0
    for topic in topics:
        if topic.assignments:
            total += len(topic.assignments)
        elif topic.num_partitions == UNSPECIFIED:
            total += defaults.num_partitions
        else:
            total += max(topic.num_partitions, 0)
    if total > PARTITIONS_PER_REQUEST_MAX:
        raise KafkaError(
            ErrorCode.POLICY_VIOLATION,
            f"the request asks for {total} partitions, more than {PARTITIONS_PER_REQUEST_MAX}: use several requests",
        )


def _check_name(image: MetadataImage, name: str, keys_of_request: Mapping[str, str]) -> None:
    if name == CLUSTER_METADATA:
        # As Kafka does: that log is no topic, and nobody is authorised to make one of its name.
        raise KafkaError(ErrorCode.TOPIC_AUTHORIZATION_FAILED, f"'{name}' is not for clients to create")
    problem = topic_name_problem(name)
    if problem is not None:
        raise KafkaError(ErrorCode.INVALID_TOPIC_EXCEPTION, problem)
    if name in image.topics_by_name:
        raise KafkaError(ErrorCode.TOPIC_ALREADY_EXISTS, f"topic '{name}' already exists")
    key = collision_key(name)
    if key is None:
        return
    other = image.names_by_collision_key.get(key) or keys_of_request.get(key)
    if other is not None:
        raise KafkaError(
            ErrorCode.INVALID_TOPIC_EXCEPTION,
            f"topic '{name}' cannot be told from topic '{other}' in metrics, where '.' and '_' are the same",
        )


def _assignments_of(image: MetadataImage, topic: NewTopic, defaults: TopicDefaults, *, shift: int) -> list[list[int]]:
    """The replicas of each partition."""
    if topic.assignments:
        return _manual_assignments(image, topic)
    if topic.replication_factor < UNSPECIFIED or topic.replication_factor == 0:
        raise KafkaError(
            ErrorCode.INVALID_REPLICATION_FACTOR,
            f"replication factor {topic.replication_factor} must be at least 1, or -1 for the broker's default",
        )
    if topic.num_partitions < UNSPECIFIED or topic.num_partitions == 0:
        raise KafkaError(
            ErrorCode.INVALID_PARTITIONS,
            f"{topic.num_partitions} partitions: there must be at least 1, or -1 for the broker's default",
        )
    unspecified = topic.replication_factor == UNSPECIFIED
    return place_replicas(
        list(image.brokers.values()),
        first_partition=0,
        partition_count=(defaults.num_partitions if topic.num_partitions == UNSPECIFIED else topic.num_partitions),
        replication_factor=defaults.replication_factor if unspecified else topic.replication_factor,
        shift=shift,
    )


def _manual_assignments(image: MetadataImage, topic: NewTopic) -> list[list[int]]:
    if topic.replication_factor != UNSPECIFIED:
        raise KafkaError(ErrorCode.INVALID_REQUEST, "with manual assignments the replication factor must be left at -1")
    if topic.num_partitions != UNSPECIFIED:
        raise KafkaError(
            ErrorCode.INVALID_REQUEST, "with manual assignments the number of partitions must be left at -1"
        )
    by_partition: dict[int, list[int]] = {}
    replication_factor = len(topic.assignments[0][1])
    for partition, replicas in topic.assignments:
        if partition in by_partition:
            raise KafkaError(ErrorCode.INVALID_REPLICA_ASSIGNMENT, f"partition {partition} is assigned more than once")
        check_assignment(image, partition, replicas, replication_factor)
        by_partition[partition] = list(replicas)
    if set(by_partition) != set(range(len(by_partition))):
        raise KafkaError(
            ErrorCode.INVALID_REPLICA_ASSIGNMENT, "the assigned partitions must be 0, 1, 2, … without a gap"
        )
    return [by_partition[partition] for partition in range(len(by_partition))]
