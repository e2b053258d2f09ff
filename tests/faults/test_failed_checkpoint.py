"""A checkpoint that the disk refuses halfway takes nothing from the next one: the journal is trimmed over synced
records only. (On the simulated disk, which forgets what was not synced.)"""

from __future__ import annotations

import errno

import pytest
from log_harness.batches import NOW_MS, batch, records_of
from simulation import SimulatedFilesystem

from broker.log import LogConfig, LogManager, PartitionLog
from wal import StorageError

VALUES = [b"%d" % number * 500 for number in range(40)]
# An index entry for every batch: there is something to flush.
CONFIG = LogConfig(index_interval_bytes=0)
TOPIC_IDS = {"first": b"1" * 16, "second": b"2" * 16}


def open_logs(disk: SimulatedFilesystem) -> tuple[LogManager, list[PartitionLog]]:
    manager = LogManager(disk, "data", config_of=lambda topic: CONFIG)
    manager.load_all()
    manager.replay([])
    return manager, [manager.get_or_create(topic, topic_id, 0, config=CONFIG) for topic, topic_id in TOPIC_IDS.items()]


def values_of(log: PartitionLog) -> list[bytes | None]:
    read = log.read(0, max_bytes=1 << 20, max_offset=log.log_end_offset, at_least_one_batch=True)
    return [record.value for record in records_of(bytes(read.records))]


@pytest.mark.parametrize("refused", TOPIC_IDS)
def test_what_a_refused_checkpoint_took_out_is_synced_by_the_next(refused: str) -> None:
    """The logs before the refused one were clean from then on, though nobody had synced them."""
    disk = SimulatedFilesystem(seed=1)
    manager, logs = open_logs(disk)
    for log in logs:
        for value in VALUES:
            log.append_as_leader(batch(value), leader_epoch=1, now_ms=NOW_MS)
            log.write_out()
    disk.fail("write", errno.ENOSPC, path_part=f"{refused}-0/00000000000000000000.index")
    with pytest.raises(StorageError):
        manager.begin_checkpoint(1000)

    trimmed_below = manager.checkpoint(1000)

    assert trimmed_below == 1000
    _, reopened = open_logs(disk.power_loss())
    assert [values_of(log) for log in reopened] == [VALUES, VALUES]


def test_a_log_that_failed_keeps_its_part_of_the_journal() -> None:
    """Its tail could not be cut after a failed write, so it is synced no more; its acknowledged records are there."""
    disk = SimulatedFilesystem(seed=1)
    manager, (first, second) = open_logs(disk)
    for log in (first, second):
        log.append_as_leader(batch(VALUES[0]), leader_epoch=1, now_ms=NOW_MS)
        log.write_out()
    first.append_as_leader(batch(VALUES[1]), leader_epoch=1, now_ms=NOW_MS)
    disk.fail("write", errno.EIO, path_part="first-0/")
    disk.fail("truncate", errno.EIO, path_part="first-0/")
    with pytest.raises(StorageError):
        first.write_out()
    assert first.failure

    assert manager.checkpoint(1000) == 0
