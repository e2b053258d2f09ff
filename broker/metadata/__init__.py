"""Cluster metadata as every broker sees it: records → delta → immutable image → publisher.

The log of records is the truth (`broker.quorum` commits it); an image is what the records add up to.
Only `MetadataDelta.replay` knows what a record means, and only `MetadataPublisher` moves the image forward,
so the images of two brokers that applied the same records are equal.
"""

from broker.metadata.delta import MetadataDelta, PartitionChange
from broker.metadata.image import (
    EMPTY_IMAGE,
    NO_LEADER,
    BrokerRegistration,
    MetadataImage,
    PartitionImage,
    TopicImage,
)
from broker.metadata.publisher import MetadataPublisher
from broker.metadata.records import (
    RESOURCE_BROKER,
    RESOURCE_GROUP,
    RESOURCE_TOPIC,
    BrokerChangeRecord,
    BrokerEndpoint,
    BrokerRegistrationRecord,
    ClusterIdRecord,
    ConfigRecord,
    FeatureLevelRecord,
    MemberRecord,
    MetadataRecord,
    PartitionChangeRecord,
    PartitionRecord,
    ProducerIdsRecord,
    RemoveTopicRecord,
    TopicRecord,
    UnknownMetadata,
    UnregisterBrokerRecord,
    decode_records,
    encode_records,
)
from broker.metadata.snapshot import decode_snapshot, encode_snapshot, image_records
from broker.metadata.topic_names import (
    CONSUMER_OFFSETS,
    TRANSACTION_STATE,
    collision_key,
    is_internal,
    topic_name_problem,
)

__all__ = [
    "CONSUMER_OFFSETS",
    "EMPTY_IMAGE",
    "NO_LEADER",
    "RESOURCE_BROKER",
    "RESOURCE_GROUP",
    "RESOURCE_TOPIC",
    "TRANSACTION_STATE",
    "BrokerChangeRecord",
    "BrokerEndpoint",
    "BrokerRegistration",
    "BrokerRegistrationRecord",
    "ClusterIdRecord",
    "ConfigRecord",
    "FeatureLevelRecord",
    "MemberRecord",
    "MetadataDelta",
    "MetadataImage",
    "MetadataPublisher",
    "MetadataRecord",
    "PartitionChange",
    "PartitionChangeRecord",
    "PartitionImage",
    "PartitionRecord",
    "ProducerIdsRecord",
    "RemoveTopicRecord",
    "TopicImage",
    "TopicRecord",
    "UnknownMetadata",
    "UnregisterBrokerRecord",
    "collision_key",
    "decode_records",
    "decode_snapshot",
    "encode_records",
    "encode_snapshot",
    "image_records",
    "is_internal",
    "topic_name_problem",
]
