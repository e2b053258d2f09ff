"""The partitions that this node has a replica of and could not open: why they are not served, and what is tried again.

A log that the start refused for good (damaged, a hole) stays offline until somebody has looked at it. One that the disk
did not let be opened (full, no descriptor left) is opened when the disk lets it: what the journal has of it is repeated
first (`LogManager.load_again`). One that could not be made or read since the start lacks nothing but its files.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from broker.metadata import TopicImage
from broker.partition.partition import Partition
from wal import StorageError, SyncFailed

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Offline:
    topic_id: bytes
    index: int
    # It had no directory at the start: what the journal may still have of it must not come back.
    was_missing: bool
    may_pass: bool


class OfflinePartitions:
    def __init__(self) -> None:
        # By the topic's name and by its id.
        self._found: dict[tuple[str | bytes, int], _Offline] = {}

    def __contains__(self, partition: tuple[str | bytes, int]) -> bool:
        return partition in self._found

    def was_missing(self, topic: TopicImage, index: int) -> bool:
        found = self._found.get((topic.topic_id, index))
        return found is not None and found.was_missing

    def add(
        self, topic: TopicImage, index: int, error: StorageError, *, was_missing: bool, by_start: bool, waits: bool
    ) -> None:
        """`by_start`: it was the start that refused it, and has told so; `waits`: and it is not for good."""
        may_pass = waits if by_start else not isinstance(error, SyncFailed)
        if (topic.topic_id, index) not in self._found and not by_start:
            until = ", and tried again until it can be opened" if may_pass else ""
            logger.error("partition %s-%d is offline%s: %s", topic.name, index, until, error)
        found = _Offline(topic.topic_id, index, was_missing, may_pass)
        self._found[topic.name, index] = self._found[topic.topic_id, index] = found

    def opened(self, topic: TopicImage, index: int) -> None:
        if self._found.pop((topic.topic_id, index), None) is not None:
            self._found.pop((topic.name, index), None)
            logger.warning("partition %s-%d is online again", topic.name, index)

    def forget_topic(self, topic_id: bytes) -> None:
        self._found = {key: found for key, found in self._found.items() if found.topic_id != topic_id}

    def to_try_again(self) -> Iterator[tuple[bytes, int]]:
        """Topic id and index of each whose refusal may pass, as of now."""
        for (topic, _), found in list(self._found.items()):
            if found.may_pass and isinstance(topic, bytes):
                yield found.topic_id, found.index


def tell_missing(partition: Partition, replicas: Sequence[int]) -> None:
    """Of one that the metadata knows and the disk does not."""
    if len(replicas) > 1:
        logger.info("partition %s has no directory: it is filled from its leader", partition)
    else:
        logger.warning(
            "partition %s has no directory and begins empty; if it had records, stop now and restore them", partition
        )
