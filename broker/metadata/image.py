"""The cluster at one point of the metadata log, immutable.

Images share what did not change: a delta copies the few mappings it touches. Copying a dict of 1,000 topics takes
5 µs and of 10,000 45 µs, less than the sync that each change waits for, so plain dicts win over persistent trees,
whose every lookup costs more. A topic is created in 0.25 ms with 1,000 others there, in 0.9 ms with 10,000.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from broker.metadata.records import RESOURCE_BROKER, RESOURCE_TOPIC

# The leader of a partition whose in-sync replicas are all away.
NO_LEADER = -1

FeatureRange = tuple[int, int]

NO_CONFIGS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class BrokerRegistration:
    """A broker as it last registered. `endpoints`: (host, port) by listener name."""

    node_id: int
    endpoints: Mapping[str, tuple[str, int]]
    rack: str | None = None
    broker_epoch: int = 0
    incarnation_id: bytes = bytes(16)
    fenced: bool = False
    in_controlled_shutdown: bool = False
    # The lowest and the highest level it could work at, by feature; empty where it was too old to say so.
    features: Mapping[str, FeatureRange] = field(default_factory=dict)
    # Of its data directory; b"" where it was too old to say so.
    directory_id: bytes = b""

    @property
    def is_active(self) -> bool:
        """Whether it may be given partitions and leadership."""
        return not self.fenced and not self.in_controlled_shutdown


@dataclass(frozen=True, slots=True)
class PartitionImage:
    partition: int
    replicas: tuple[int, ...]
    isr: tuple[int, ...]
    leader: int
    leader_epoch: int = 0
    partition_epoch: int = 0
    # KIP-455: of the reassignment that runs, if one does; both are among `replicas`.
    adding_replicas: tuple[int, ...] = ()
    removing_replicas: tuple[int, ...] = ()
    # Where the last replica in sync was, if its broker came back with another directory: nobody may lead but a broker
    # that has this one, or whoever an unclean election makes the leader.
    last_directory: bytes = b""


@dataclass(frozen=True, slots=True)
class TopicImage:
    """A topic; `partitions[i].partition == i`."""

    name: str
    topic_id: bytes
    partitions: tuple[PartitionImage, ...]
    internal: bool = False


@dataclass(frozen=True, slots=True)
class MetadataImage:
    """Everything the records up to `metadata_offset` add up to."""

    cluster_id: str = ""
    brokers: Mapping[int, BrokerRegistration] = field(default_factory=dict)
    topics_by_name: Mapping[str, TopicImage] = field(default_factory=dict)
    topics_by_id: Mapping[bytes, TopicImage] = field(default_factory=dict)
    # Keyed by (resource type, resource name); a resource without configs is absent.
    configs: Mapping[tuple[int, str], Mapping[str, str]] = field(default_factory=dict)
    # The topic that holds a collision key (see topic_names.collision_key).
    names_by_collision_key: Mapping[str, str] = field(default_factory=dict)
    features: Mapping[str, int] = field(default_factory=dict)
    # Where nodes of the metadata quorum said that they answer each other, by node id.
    members: Mapping[int, tuple[str, int]] = field(default_factory=dict)
    next_producer_id: int = 0
    # The entry of the metadata log that was applied last; they count from 1, and 0 is before the first.
    metadata_offset: int = 0

    def topic_configs(self, name: str) -> Mapping[str, str]:
        """What was set on the topic itself, without defaults."""
        return self.configs.get((RESOURCE_TOPIC, name), NO_CONFIGS)

    def broker_configs(self, node_id: int) -> Mapping[str, str]:
        """What was set dynamically on this one broker."""
        return self.configs.get((RESOURCE_BROKER, str(node_id)), NO_CONFIGS)

    def default_broker_configs(self) -> Mapping[str, str]:
        """What was set dynamically for all brokers."""
        return self.configs.get((RESOURCE_BROKER, ""), NO_CONFIGS)

    def resource_configs(self, resource_type: int, name: str) -> Mapping[str, str]:
        return self.configs.get((resource_type, name), NO_CONFIGS)

    def topic(self, name: str) -> TopicImage | None:
        return self.topics_by_name.get(name)

    def partition(self, topic_name: str, index: int) -> PartitionImage | None:
        topic = self.topics_by_name.get(topic_name)
        if topic is None or not 0 <= index < len(topic.partitions):
            return None
        return topic.partitions[index]

    def endpoint(self, node_id: int, listener_name: str) -> tuple[str, int] | None:
        """Where clients of this listener reach the broker; None if it is away or has no such listener."""
        broker = self.brokers.get(node_id)
        if broker is None or broker.fenced:
            return None
        return broker.endpoints.get(listener_name)


EMPTY_IMAGE = MetadataImage()
