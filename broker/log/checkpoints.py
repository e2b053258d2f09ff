"""Kafka's checkpoint files: a text file that gives an offset for each of many partitions, replaced atomically.

    0                          format version
    2                          how many lines follow
    orders 0 1200              topic, partition, offset
    orders 1 77

A file that cannot be parsed is a CorruptionError: its offsets decide what recovery may skip, so a guess would
lose data. The caller answers by recovering from the start, which is slow and right.
"""

from __future__ import annotations

from collections.abc import Mapping

from broker.log.disk import Disk
from wal import CorruptionError

RECOVERY_POINTS = "recovery-point-offset-checkpoint"
LOG_START_OFFSETS = "log-start-offset-checkpoint"
CLEANER_OFFSETS = "cleaner-offset-checkpoint"
# Not one of Kafka's: up to which offset a log is known to have no producer state, so that a log without
# idempotent producers needs neither snapshot files nor a scan for them.
EMPTY_PRODUCER_STATES = "empty-producer-state-checkpoint"

FORMAT_VERSION = 0

TopicPartition = tuple[str, int]


def write_checkpoint(disk: Disk, path: str, offsets: Mapping[TopicPartition, int]) -> None:
    lines = [f"{FORMAT_VERSION}\n{len(offsets)}\n"]
    lines += [f"{topic} {partition} {offset}\n" for (topic, partition), offset in offsets.items()]
    disk.write_atomically(path, "".join(lines).encode())


def read_checkpoint(disk: Disk, path: str) -> dict[TopicPartition, int]:
    """What the file says; empty if it is missing. Raises CorruptionError if it is not a checkpoint."""
    if not disk.exists(path):
        return {}
    return decode_checkpoint(disk.read_all(path), path)


def decode_checkpoint(data: bytes, path: str) -> dict[TopicPartition, int]:
    """Raises CorruptionError if `data` is not such a file."""
    try:
        lines = data.decode().splitlines()
        version, count = int(lines[0]), int(lines[1])
        entries = [line.split(" ") for line in lines[2:]]
        offsets = {(topic, int(partition)): int(offset) for topic, partition, offset in entries}
    except (ValueError, IndexError) as error:
        raise CorruptionError(f"{path} is not a checkpoint file: {error}") from error
    if version != FORMAT_VERSION or count != len(offsets):
        raise CorruptionError(f"{path} says version {version}, {count} lines; it has {len(offsets)}")
    return offsets
