"""ElectLeaders as the controller decides it: preferred leaders, or any (KIP-183, KIP-460). Pure, with Kafka's codes."""

from __future__ import annotations

from collections.abc import Sequence

from broker.controller.leadership import choose_leader, may_lead
from broker.metadata import NO_LEADER, MetadataImage, MetadataRecord, PartitionChangeRecord, PartitionImage
from protocol.errors import ErrorCode, KafkaError

# (topic, partition)
Place = tuple[str, int]


def decide_elections(
    image: MetadataImage, places: Sequence[Place], *, unclean: bool
) -> tuple[list[MetadataRecord], list[KafkaError | None]]:
    """One outcome per place, in order; None where another leads from now on."""
    records: list[MetadataRecord] = []
    outcomes: list[KafkaError | None] = []
    for name, index in places:
        topic = image.topics_by_name.get(name)
        if topic is None or not 0 <= index < len(topic.partitions):
            outcomes.append(KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"there is no partition {name}-{index}"))
            continue
        decide = _decide_unclean if unclean else _decide_preferred
        try:
            records.append(decide(image, topic.topic_id, topic.partitions[index]))
        except KafkaError as error:
            outcomes.append(error)
        else:
            outcomes.append(None)
    return records, outcomes


def all_places(image: MetadataImage) -> list[Place]:
    return [(topic.name, p.partition) for topic in image.topics_by_id.values() for p in topic.partitions]


def _decide_preferred(image: MetadataImage, topic_id: bytes, partition: PartitionImage) -> PartitionChangeRecord:
    preferred = partition.replicas[0]
    if partition.leader == preferred:
        raise KafkaError(ErrorCode.ELECTION_NOT_NEEDED, "its preferred leader leads it")
    if not may_lead(image, partition, preferred):
        raise KafkaError(
            ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE, f"broker {preferred} is not in sync, or not there at all"
        )
    return PartitionChangeRecord(topic_id, partition.partition, leader=preferred)


def _decide_unclean(image: MetadataImage, topic_id: bytes, partition: PartitionImage) -> PartitionChangeRecord:
    if partition.leader != NO_LEADER:
        raise KafkaError(ErrorCode.ELECTION_NOT_NEEDED, f"broker {partition.leader} leads it")
    active = [node_id for node_id in partition.replicas if _is_active(image, node_id)]
    in_sync = choose_leader(partition.replicas, [node_id for node_id in active if may_lead(image, partition, node_id)])
    if in_sync != NO_LEADER:
        return PartitionChangeRecord(topic_id, partition.partition, leader=in_sync)
    leader = choose_leader(partition.replicas, active)
    if leader == NO_LEADER:
        raise KafkaError(ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE, "none of its replicas is there")
    # What only the absent ones hold is lost: that is what was asked for.
    return PartitionChangeRecord(topic_id, partition.partition, isr=[leader], leader=leader)


def _is_active(image: MetadataImage, node_id: int) -> bool:
    broker = image.brokers.get(node_id)
    return broker is not None and broker.is_active
