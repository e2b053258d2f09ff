"""The committed offsets of the groups of one partition: what the log's offset records add up to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from broker.groups.records import OffsetRecord
from protocol.messages.group_records import OffsetCommitValue

NO_EXPIRY = -1


@dataclass(frozen=True, slots=True)
class CommittedOffset:
    """`expire_timestamp_ms` is NO_EXPIRY unless the commit named one; `topic_id` is zeros unless it named that."""

    offset: int
    leader_epoch: int
    metadata: str
    commit_timestamp_ms: int
    expire_timestamp_ms: int
    topic_id: bytes

    @classmethod
    def from_value(cls, value: OffsetCommitValue) -> CommittedOffset:
        return cls(
            value.offset,
            value.leader_epoch,
            value.metadata,
            value.commit_timestamp,
            value.expire_timestamp,
            value.topic_id,
        )


Partitions = dict[int, CommittedOffset]


class OffsetStore:
    def __init__(self) -> None:
        self._groups: dict[str, dict[str, Partitions]] = {}

    def replay(self, record: OffsetRecord) -> None:
        if record.value is not None:
            topics = self._groups.setdefault(record.group_id, {})
            topics.setdefault(record.topic, {})[record.partition] = CommittedOffset.from_value(record.value)
            return
        topics = self._groups.get(record.group_id, {})
        partitions = topics.get(record.topic, {})
        partitions.pop(record.partition, None)
        if not partitions:
            topics.pop(record.topic, None)
        if not topics:
            self._groups.pop(record.group_id, None)

    def of_group(self, group_id: str) -> dict[str, Partitions]:
        """By topic, then by partition. Not to be changed."""
        return self._groups.get(group_id, {})

    def of_topic(self, group_id: str, topic: str) -> Partitions:
        return self._groups.get(group_id, {}).get(topic, {})

    def of_topics(self, topics: frozenset[str]) -> Iterator[tuple[str, str, int]]:
        """Group, topic and partition of every offset of these topics."""
        for group_id, by_topic in self._groups.items():
            for topic in topics & by_topic.keys():
                for partition in by_topic[topic]:
                    yield group_id, topic, partition

    def __contains__(self, group_id: str) -> bool:
        return group_id in self._groups

    def __len__(self) -> int:
        return sum(len(partitions) for topics in self._groups.values() for partitions in topics.values())
