"""What a run of records changes about an image: the only code that gives records their meaning.

A delta starts on an image, replays any number of records and yields the next image. It says what changed in the
words of those who act on it (partitions to open, topics to remove, configs to reload), as the net effect: a topic
created and removed within one delta appears nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from broker.metadata.image import (
    NO_LEADER,
    BrokerRegistration,
    MetadataImage,
    PartitionImage,
    TopicImage,
)
from broker.metadata.records import (
    RESOURCE_TOPIC,
    BrokerChangeRecord,
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
    UnregisterBrokerRecord,
)
from broker.metadata.topic_names import collision_key, is_internal


@dataclass(frozen=True, slots=True)
class PartitionChange:
    """A partition of a topic that existed before; `previous` is None where the partition is new."""

    topic: TopicImage
    partition: PartitionImage
    previous: PartitionImage | None


class _TopicInProgress:
    """A topic under change: its partitions as a list until the delta is complete."""

    __slots__ = ("name", "partitions", "topic_id")

    def __init__(self, name: str, topic_id: bytes, partitions: Iterable[PartitionImage] = ()) -> None:
        self.name = name
        self.topic_id = topic_id
        self.partitions = list(partitions)

    def image(self) -> TopicImage:
        return TopicImage(self.name, self.topic_id, tuple(self.partitions), is_internal(self.name))


class MetadataDelta:
    """Records in, the next image out. Not reused after `complete`."""

    def __init__(self, base: MetadataImage) -> None:
        self.base = base
        self.changed_broker_ids: set[int] = set()
        # (resource type, resource name); includes those of created and of deleted topics.
        self.changed_configs: set[tuple[int, str]] = set()
        self.changed_features: set[str] = set()
        # Net effect, in the order of the records; filled by `complete`.
        self.created_topics: list[TopicImage] = []
        self.deleted_topics: list[TopicImage] = []
        self.partition_changes: list[PartitionChange] = []

        self._cluster_id = base.cluster_id
        self._next_producer_id = base.next_producer_id
        self._brokers = base.brokers
        self._features = base.features
        self._members = base.members
        self._topics: dict[bytes, _TopicInProgress] = {}
        self._removed_ids: dict[bytes, None] = {}
        self._configs: dict[tuple[int, str], dict[str, str]] = {}

    def replay(self, record: MetadataRecord) -> None:
        _REPLAY[type(record)](self, record)

    def replay_all(self, records: Iterable[MetadataRecord]) -> None:
        for record in records:
            _REPLAY[type(record)](self, record)

    def complete(self, metadata_offset: int) -> MetadataImage:
        """The image after everything replayed; also fills the lists of what changed."""
        base = self.base
        by_name, by_id, by_collision_key = self._complete_topics()
        return MetadataImage(
            cluster_id=self._cluster_id,
            brokers=self._brokers,
            topics_by_name=by_name,
            topics_by_id=by_id,
            configs=self._complete_configs(),
            names_by_collision_key=by_collision_key,
            features=self._features,
            members=self._members,
            next_producer_id=self._next_producer_id,
            metadata_offset=max(metadata_offset, base.metadata_offset),
        )

    @classmethod
    def between(cls, base: MetadataImage, image: MetadataImage) -> MetadataDelta:
        """What tells `image` from `base`, however it came about: complete already, not to be replayed on."""
        delta = cls(base)
        brokers = base.brokers.keys() | image.brokers.keys()
        delta.changed_broker_ids = {i for i in brokers if base.brokers.get(i) != image.brokers.get(i)}
        resources = base.configs.keys() | image.configs.keys()
        delta.changed_configs = {r for r in resources if base.configs.get(r) != image.configs.get(r)}
        features = base.features.keys() | image.features.keys()
        delta.changed_features = {f for f in features if base.features.get(f) != image.features.get(f)}
        delta.deleted_topics = [t for i, t in base.topics_by_id.items() if i not in image.topics_by_id]
        for topic_id, topic in image.topics_by_id.items():
            previous = base.topics_by_id.get(topic_id)
            if previous == topic:
                continue
            delta._topics[topic_id] = _TopicInProgress(topic.name, topic_id, topic.partitions)
            if previous is None:
                delta.created_topics.append(topic)
            else:
                delta._list_partition_changes(topic, previous)
        return delta

    def _complete_topics(
        self,
    ) -> tuple[Mapping[str, TopicImage], Mapping[bytes, TopicImage], Mapping[str, str]]:
        base = self.base
        if not self._topics and not self._removed_ids:
            return base.topics_by_name, base.topics_by_id, base.names_by_collision_key
        by_name = dict(base.topics_by_name)
        by_id = dict(base.topics_by_id)
        by_collision_key = dict(base.names_by_collision_key)
        # Removals first: a name may have come back under a new id.
        for topic_id in self._removed_ids:
            topic = by_id.pop(topic_id)
            del by_name[topic.name]
            key = collision_key(topic.name)
            if key is not None:
                del by_collision_key[key]
            self.deleted_topics.append(topic)
        for topic_id, in_progress in self._topics.items():
            topic = in_progress.image()
            previous = base.topics_by_id.get(topic_id)
            by_name[topic.name] = topic
            by_id[topic_id] = topic
            if previous is None:
                self.created_topics.append(topic)
                key = collision_key(topic.name)
                if key is not None:
                    by_collision_key[key] = topic.name
            else:
                self._list_partition_changes(topic, previous)
        return by_name, by_id, by_collision_key

    def _list_partition_changes(self, topic: TopicImage, previous: TopicImage) -> None:
        before = previous.partitions
        for partition in topic.partitions:
            old = before[partition.partition] if partition.partition < len(before) else None
            if old is not partition and old != partition:
                self.partition_changes.append(PartitionChange(topic, partition, old))

    def _complete_configs(self) -> Mapping[tuple[int, str], Mapping[str, str]]:
        if not self._configs:
            return self.base.configs
        configs = dict(self.base.configs)
        for resource, values in self._configs.items():
            if values:
                configs[resource] = values
            else:
                configs.pop(resource, None)
        return configs

    # One method per kind of record. An assert here means that a record was proposed which its decision should
    # have refused: the state of the cluster must not go on from there.

    def _cluster_id_record(self, record: ClusterIdRecord) -> None:
        assert not self._cluster_id or self._cluster_id == record.cluster_id, "a cluster keeps its id"
        self._cluster_id = record.cluster_id

    def _feature_level(self, record: FeatureLevelRecord) -> None:
        features = dict(self._features)
        if record.level:
            features[record.name] = record.level
        else:
            features.pop(record.name, None)
        self._features = features
        self.changed_features.add(record.name)

    def _member(self, record: MemberRecord) -> None:
        self._members = {**self._members, record.node_id: (record.host, record.port)}

    def _broker_registration(self, record: BrokerRegistrationRecord) -> None:
        registration = BrokerRegistration(
            node_id=record.node_id,
            endpoints={e.listener: (e.host, e.port) for e in record.endpoints},
            rack=record.rack,
            broker_epoch=record.broker_epoch,
            incarnation_id=record.incarnation_id,
            fenced=record.fenced,
            in_controlled_shutdown=record.in_controlled_shutdown,
            features=record.features,
            directory_id=record.directory_id,
        )
        self._set_broker(registration)

    def _broker_change(self, record: BrokerChangeRecord) -> None:
        registration = self._brokers[record.node_id]
        assert registration.broker_epoch == record.broker_epoch, "a change is for one incarnation of a broker"
        if record.fenced is not None:
            registration = replace(registration, fenced=record.fenced)
        if record.in_controlled_shutdown is not None:
            registration = replace(registration, in_controlled_shutdown=record.in_controlled_shutdown)
        self._set_broker(registration)

    def _set_broker(self, registration: BrokerRegistration) -> None:
        self._brokers = {**self._brokers, registration.node_id: registration}
        self.changed_broker_ids.add(registration.node_id)

    def _unregister_broker(self, record: UnregisterBrokerRecord) -> None:
        assert self._brokers[record.node_id].broker_epoch == record.broker_epoch
        self._brokers = {node_id: b for node_id, b in self._brokers.items() if node_id != record.node_id}
        self.changed_broker_ids.add(record.node_id)

    def _topic(self, record: TopicRecord) -> None:
        assert len(record.topic_id) == 16, "a topic id has 16 bytes"
        assert record.topic_id not in self._topics and record.topic_id not in self.base.topics_by_id
        self._topics[record.topic_id] = _TopicInProgress(record.name, record.topic_id)

    def _topic_in_progress(self, topic_id: bytes) -> _TopicInProgress:
        topic = self._topics.get(topic_id)
        if topic is None:
            assert topic_id not in self._removed_ids, "a removed topic has no partitions to change"
            base = self.base.topics_by_id[topic_id]
            topic = self._topics[topic_id] = _TopicInProgress(base.name, topic_id, base.partitions)
        return topic

    def _partition(self, record: PartitionRecord) -> None:
        partitions = self._topic_in_progress(record.topic_id).partitions
        assert record.partition == len(partitions), "the partitions of a topic come in order"
        partitions.append(
            PartitionImage(
                partition=record.partition,
                replicas=tuple(record.replicas),
                isr=tuple(record.isr),
                leader=record.leader,
                leader_epoch=record.leader_epoch,
                partition_epoch=record.partition_epoch,
                adding_replicas=tuple(record.adding_replicas),
                removing_replicas=tuple(record.removing_replicas),
                last_directory=record.last_directory,
            )
        )

    def _partition_change(self, record: PartitionChangeRecord) -> None:
        partitions = self._topic_in_progress(record.topic_id).partitions
        old = partitions[record.partition]
        new_leader = record.leader is not None
        last_directory = old.last_directory if record.last_directory is None else record.last_directory
        changed = PartitionImage(  # not `replace`, which takes twice as long: a start has several for each partition
            partition=old.partition,
            replicas=old.replicas if record.replicas is None else tuple(record.replicas),
            isr=old.isr if record.isr is None else tuple(record.isr),
            leader=record.leader if record.leader is not None else old.leader,
            leader_epoch=old.leader_epoch + new_leader,
            partition_epoch=old.partition_epoch + 1,
            adding_replicas=old.adding_replicas if record.adding_replicas is None else tuple(record.adding_replicas),
            removing_replicas=(
                old.removing_replicas if record.removing_replicas is None else tuple(record.removing_replicas)
            ),
            # Where a leader is, there everything is from now on.
            last_directory=last_directory if record.leader in (None, NO_LEADER) else b"",
        )
        assert changed.leader == NO_LEADER or changed.leader in changed.isr, "a leader is in sync with itself"
        partitions[record.partition] = changed

    def _remove_topic(self, record: RemoveTopicRecord) -> None:
        topic_id = record.topic_id
        in_progress = self._topics.pop(topic_id, None)
        base = self.base.topics_by_id.get(topic_id)
        if base is not None:
            assert topic_id not in self._removed_ids, "a topic is removed once"
            self._removed_ids[topic_id] = None
        name = in_progress.name if in_progress is not None else base.name if base is not None else None
        assert name is not None, "only a topic that exists can be removed"
        resource = (RESOURCE_TOPIC, name)
        if resource in self._configs or resource in self.base.configs:
            self._configs[resource] = {}
            self.changed_configs.add(resource)

    def _config(self, record: ConfigRecord) -> None:
        resource = (record.resource_type, record.resource_name)
        values = self._configs.get(resource)
        if values is None:
            values = self._configs[resource] = dict(self.base.configs.get(resource, {}))
        if record.value is None:
            values.pop(record.key, None)
        else:
            values[record.key] = record.value
        self.changed_configs.add(resource)

    def _producer_ids(self, record: ProducerIdsRecord) -> None:
        assert record.next_producer_id > self._next_producer_id, "producer ids are given away once"
        self._next_producer_id = record.next_producer_id


_REPLAY: dict[type, Callable[[MetadataDelta, Any], None]] = {
    ClusterIdRecord: MetadataDelta._cluster_id_record,
    FeatureLevelRecord: MetadataDelta._feature_level,
    MemberRecord: MetadataDelta._member,
    BrokerRegistrationRecord: MetadataDelta._broker_registration,
    BrokerChangeRecord: MetadataDelta._broker_change,
    UnregisterBrokerRecord: MetadataDelta._unregister_broker,
    TopicRecord: MetadataDelta._topic,
    PartitionRecord: MetadataDelta._partition,
    PartitionChangeRecord: MetadataDelta._partition_change,
    RemoveTopicRecord: MetadataDelta._remove_topic,
    ConfigRecord: MetadataDelta._config,
    ProducerIdsRecord: MetadataDelta._producer_ids,
}
