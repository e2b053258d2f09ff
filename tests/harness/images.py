"""Images of clusters for the rules: brokers by number, and the partitions of one topic."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from broker.metadata import (
    EMPTY_IMAGE,
    BrokerEndpoint,
    BrokerRegistrationRecord,
    MetadataDelta,
    MetadataImage,
    MetadataRecord,
    PartitionImage,
    PartitionRecord,
    TopicRecord,
)

TOPIC = "orders"
TOPIC_ID = b"orders-topic-id!"
EPOCH_OFFSET = 100

# (replicas, in sync, leader), and what is added and removed, if a reassignment runs
Given = (
    tuple[Sequence[int], Sequence[int], int] | tuple[Sequence[int], Sequence[int], int, Sequence[int], Sequence[int]]
)


def epoch_of(node_id: int) -> int:
    return EPOCH_OFFSET + node_id


def cluster_of(
    brokers: int,
    *,
    partitions: Sequence[Given] = (),
    fenced: Collection[int] = (),
    shutting_down: Collection[int] = (),
    leader_epoch: int = 0,
    partition_epoch: int = 0,
    directory_id: bytes = b"",
) -> MetadataImage:
    """Brokers 1 to `brokers`, in epochs 101 and on, and the partitions of `orders`. `directory_id` is that of each."""
    delta = MetadataDelta(EMPTY_IMAGE)
    for node_id in range(1, brokers + 1):
        delta.replay(
            BrokerRegistrationRecord(
                node_id,
                epoch_of(node_id),
                bytes([node_id]) * 16,
                [BrokerEndpoint("PLAINTEXT", f"host-{node_id}", 9092)],
                None,
                node_id in fenced,
                node_id in shutting_down,
                directory_id=directory_id,
            )
        )
    delta.replay(TopicRecord(TOPIC, TOPIC_ID))
    for index, (replicas, isr, leader, *moving) in enumerate(partitions):
        adding, removing = moving or ((), ())
        delta.replay(
            PartitionRecord(
                TOPIC_ID,
                index,
                list(replicas),
                list(isr),
                leader,
                leader_epoch,
                partition_epoch,
                list(adding),
                list(removing),
            )
        )
    return delta.complete(1000)


def after(image: MetadataImage, records: Sequence[MetadataRecord]) -> MetadataImage:
    delta = MetadataDelta(image)
    delta.replay_all(records)
    return delta.complete(image.metadata_offset + 1)


def change_of(image: MetadataImage, records: Sequence[MetadataRecord], partition: int = 0) -> PartitionImage:
    """The partition after the records."""
    return after(image, records).topics_by_name[TOPIC].partitions[partition]
