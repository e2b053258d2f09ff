"""Finding the partition that a request means, and telling who leads it where this node does not (KIP-951)."""

from __future__ import annotations

from dataclasses import dataclass

from broker.handlers.services import Services
from broker.metadata import PartitionImage, TopicImage
from broker.partition import Partition
from protocol.errors import ErrorCode, KafkaError

# What a client gets over by going to the leader it is told of.
MOVED = frozenset({ErrorCode.NOT_LEADER_OR_FOLLOWER, ErrorCode.FENCED_LEADER_EPOCH})

_UNKNOWN_TOPIC = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


def find_by_name(services: Services, topic: str, index: int) -> Partition:
    """Raises KafkaError: NOT_LEADER_OR_FOLLOWER where other brokers have it, KAFKA_STORAGE_ERROR where the disk refused
    it, else UNKNOWN_TOPIC_OR_PARTITION."""
    partition = services.partitions.find(topic, index)
    if partition is None:
        raise _absent(services, topic, services.metadata.image.topics_by_name.get(topic), index, _UNKNOWN_TOPIC)
    return partition


def find_by_id(services: Services, topic_id: bytes, index: int) -> Partition:
    """The same by id, which nobody has where it is UNKNOWN_TOPIC_ID."""
    partition = services.partitions.find_by_id(topic_id, index)
    if partition is None:
        found = services.metadata.image.topics_by_id.get(topic_id)
        raise _absent(services, topic_id, found, index, ErrorCode.UNKNOWN_TOPIC_ID)
    return partition


def _absent(
    services: Services, asked: str | bytes, topic: TopicImage | None, index: int, unknown: ErrorCode
) -> KafkaError:
    if services.partitions.absence(asked, index) is ErrorCode.KAFKA_STORAGE_ERROR:
        return KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, "the replica here could not be opened")
    if topic is None:
        return KafkaError(unknown, "no such topic here")
    if not 0 <= index < len(topic.partitions):
        return KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"{topic.name} has no partition {index}")
    return KafkaError(ErrorCode.NOT_LEADER_OR_FOLLOWER, f"this node has no replica of {topic.name}-{index}")


@dataclass(frozen=True, slots=True)
class LeaderHint:
    """Where a partition is led now, and how a client of this listener gets there."""

    leader_id: int
    leader_epoch: int
    host: str
    port: int
    rack: str | None


def leader_hint(services: Services, listener: str, topic: str | bytes, index: int) -> LeaderHint | None:
    """None where nobody leads it, or its leader cannot be reached over this listener."""
    assigned = _assigned(services, topic, index)
    if assigned is None:
        return None
    image = services.metadata.image
    endpoint = image.endpoint(assigned.leader, listener)
    if endpoint is None:
        return None
    host, port = endpoint
    return LeaderHint(assigned.leader, assigned.leader_epoch, host, port, image.brokers[assigned.leader].rack)


def _assigned(services: Services, topic: str | bytes, index: int) -> PartitionImage | None:
    image = services.metadata.image
    found = image.topics_by_name.get(topic) if isinstance(topic, str) else image.topics_by_id.get(topic)
    if found is None or not 0 <= index < len(found.partitions):
        return None
    return found.partitions[index]
