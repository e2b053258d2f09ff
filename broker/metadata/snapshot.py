"""An image as records, so that a broker need not replay the whole log: records of the log, and nothing else.

metadata_offset (8 bytes, big-endian) | one entry that makes the image from nothing (see records.py)
"""

from __future__ import annotations

from collections.abc import Iterator

from broker.metadata.formats import encode_records
from broker.metadata.image import BrokerRegistration, MetadataImage, TopicImage
from broker.metadata.records import (
    BrokerEndpoint,
    BrokerRegistrationRecord,
    ClusterIdRecord,
    ConfigRecord,
    FeatureLevelRecord,
    MemberRecord,
    MetadataRecord,
    PartitionRecord,
    ProducerIdsRecord,
    TopicRecord,
    decode_records,
)

_OFFSET_BYTES = 8

# A snapshot's producer-id record names no broker: whose block was last does not matter to what is left.
_NO_BROKER = -1


def image_records(image: MetadataImage) -> Iterator[MetadataRecord]:
    """Records that, replayed on the empty image, give this one (but for its metadata offset)."""
    if image.cluster_id:
        yield ClusterIdRecord(image.cluster_id)
    for name, level in image.features.items():
        yield FeatureLevelRecord(name, level)
    for node_id, (host, port) in image.members.items():
        yield MemberRecord(node_id, host, port)
    for broker in image.brokers.values():
        yield _registration_record(broker)
    for topic in image.topics_by_id.values():
        yield from _topic_records(topic)
    for (resource_type, resource_name), values in image.configs.items():
        for key, value in values.items():
            yield ConfigRecord(resource_type, resource_name, key, value)
    if image.next_producer_id:
        yield ProducerIdsRecord(_NO_BROKER, _NO_BROKER, image.next_producer_id)


def _registration_record(broker: BrokerRegistration) -> BrokerRegistrationRecord:
    endpoints = [BrokerEndpoint(listener, host, port) for listener, (host, port) in broker.endpoints.items()]
    return BrokerRegistrationRecord(
        node_id=broker.node_id,
        broker_epoch=broker.broker_epoch,
        incarnation_id=broker.incarnation_id,
        endpoints=endpoints,
        rack=broker.rack,
        fenced=broker.fenced,
        in_controlled_shutdown=broker.in_controlled_shutdown,
        features=dict(broker.features),
        directory_id=broker.directory_id,
    )


def _topic_records(topic: TopicImage) -> Iterator[MetadataRecord]:
    yield TopicRecord(topic.name, topic.topic_id)
    for partition in topic.partitions:
        yield PartitionRecord(
            topic_id=topic.topic_id,
            partition=partition.partition,
            replicas=list(partition.replicas),
            isr=list(partition.isr),
            leader=partition.leader,
            leader_epoch=partition.leader_epoch,
            partition_epoch=partition.partition_epoch,
            adding_replicas=list(partition.adding_replicas),
            removing_replicas=list(partition.removing_replicas),
            last_directory=partition.last_directory,
        )


def encode_snapshot(image: MetadataImage) -> bytes:
    return image.metadata_offset.to_bytes(_OFFSET_BYTES, "big") + encode_records(list(image_records(image)))


def decode_snapshot(data: bytes) -> tuple[int, list[MetadataRecord]]:
    """(metadata offset, records). Raises UnknownMetadata for a newer version's."""
    offset = int.from_bytes(data[:_OFFSET_BYTES], "big")
    return offset, decode_records(memoryview(data)[_OFFSET_BYTES:])
