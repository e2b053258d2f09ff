"""How many bytes of segments each log had when the node stopped cleanly, so that the next start misses what is missing.

    <data>/closed-size-checkpoint     in the format of Kafka's checkpoints: topic, partition, bytes

Written with the mark of a clean stop. A start compares and then removes it, before anything changes a log; of logs that
are offline it keeps what it says, for the mark is gone and the next start must not serve them either.
"""

from __future__ import annotations

import logging
from collections.abc import Container

from broker.log.checkpoints import TopicPartition, read_checkpoint, write_checkpoint
from broker.log.disk import Disk
from broker.log.readable_log import ReadableLog
from wal import CorruptionError

logger = logging.getLogger(__name__)

FILE_NAME = "closed-size-checkpoint"


class ClosedSizes:
    def __init__(self, disk: Disk, data_directory: str) -> None:
        self._disk = disk
        self._path = f"{data_directory}/{FILE_NAME}"
        self._bytes: dict[TopicPartition, int] = {}

    def read(self) -> None:
        try:
            self._bytes = read_checkpoint(self._disk, self._path)
        except CorruptionError as error:
            logger.warning("%s: the ends of all logs are looked at instead", error)

    def get(self, key: TopicPartition) -> int | None:
        """None where nothing is known."""
        return self._bytes.get(key)

    def forget_all_but(self, offline: Container[TopicPartition]) -> None:
        """Durable with the next sync of the data directory."""
        self._bytes = {key: size for key, size in self._bytes.items() if key in offline}
        if self._bytes:
            write_checkpoint(self._disk, self._path, self._bytes)
        else:
            self._disk.remove(self._path)

    def write(self, sizes: dict[TopicPartition, int]) -> None:
        write_checkpoint(self._disk, self._path, sizes)


def bytes_to_keep(log: ReadableLog) -> int:
    """Without the segments before the log's start, which the next start removes."""
    first = log.segment_index(log.log_start_offset)
    return sum([segment.size_bytes for segment in log.segments[first:]])
