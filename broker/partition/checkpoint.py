"""The high watermarks of all partitions in a file, so that a replica elected after a restart knows what was committed.

    <data>/replication-offset-checkpoint     Kafka's name and format

Written now and then, never with a commit: a high watermark that is too low is caught up by the followers' next fetches.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from broker.log import Disk, TopicPartition, read_checkpoint, write_checkpoint
from broker.partition.partition import Partition
from wal import CorruptionError, Filesystem

logger = logging.getLogger(__name__)

FILE_NAME = "replication-offset-checkpoint"


class HighWatermarkCheckpoint:
    def __init__(self, filesystem: Filesystem, data_directory: str) -> None:
        self._filesystem = filesystem
        self._path = f"{data_directory}/{FILE_NAME}"
        self._written: dict[TopicPartition, int] = {}

    def read(self) -> dict[TopicPartition, int]:
        """Empty where the file is missing or damaged. Raises StorageError."""
        disk = Disk(self._filesystem, 1)
        try:
            self._written = read_checkpoint(disk, self._path)
        except CorruptionError as error:
            logger.warning("%s: every high watermark is found anew", error)
        finally:
            disk.close()
        return dict(self._written)

    def take(self, partitions: Iterable[Partition]) -> dict[TopicPartition, int] | None:
        """What to `write`; None if that is in the file already."""
        offsets = {(partition.topic, partition.index): partition.high_watermark for partition in partitions}
        return None if offsets == self._written else offsets

    def write(self, offsets: dict[TopicPartition, int]) -> None:
        """Blocks for a sync; for a worker thread. Raises StorageError."""
        disk = Disk(self._filesystem, 1)
        try:
            write_checkpoint(disk, self._path, offsets)
        finally:
            disk.close()
        self._written = offsets
