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
from wal import CorruptionError

logger = logging.getLogger(__name__)

FILE_NAME = "closed-size-checkpoint"


class ClosedSizes:
    def __init__(self, disk: Disk, data_directory: str) -> None:
        self._disk = disk
        self._data_directory = data_directory
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
        """Durable on return."""
        self._bytes = {key: size for key, size in self._bytes.items() if key in offline}
        if self._bytes:
            write_checkpoint(self._disk, self._path, self._bytes)
        elif self._disk.exists(self._path):
            self._disk.remove(self._path)
            self._disk.sync_directory(self._data_directory)

    def write(self, sizes: dict[TopicPartition, int]) -> None:
        write_checkpoint(self._disk, self._path, sizes)
