"""A checkpoint that the disk refuses halfway takes nothing from the next one: the journal is trimmed over synced
records only. (On the simulated disk, which forgets what was not synced.)"""

from __future__ import annotations

import errno

import pytest
from log_harness.batches import NOW_MS, batch, records_of
from simulation import SimulatedFilesystem

from broker.log import LogConfig, LogManager, PartitionLog
from wal import StorageError, SyncFailed

VALUES = [b"%d" % number * 500 for number in range(40)]
# An index entry for every batch: there is something to flush.
CONFIG = LogConfig(index_interval_bytes=0)
TOPIC_IDS = {"first": b"1" * 16, "second": b"2" * 16}


def open_logs(disk: SimulatedFilesystem) -> tuple[LogManager, list[PartitionLog]]:
    manager = LogManager(disk, "data", config_of=lambda topic: CONFIG)
    manager.load_all()
    manager.replay([])
    return manager, [manager.get_or_create(topic, topic_id, 0, config=CONFIG) for topic, topic_id in TOPIC_IDS.items()]


def appended(disk: SimulatedFilesystem) -> tuple[LogManager, list[PartitionLog]]:
    manager, logs = open_logs(disk)
    for log in logs:
        for value in VALUES:
            log.append_as_leader(batch(value), leader_epoch=1, now_ms=NOW_MS)
            log.write_out()
    return manager, logs


def values_of(log: PartitionLog) -> list[bytes | None]:
    read = log.read(0, max_bytes=1 << 20, max_offset=log.log_end_offset, at_least_one_batch=True)
    return [record.value for record in records_of(bytes(read.records))]


@pytest.mark.parametrize("refused", TOPIC_IDS)
def test_what_a_refused_checkpoint_took_out_is_synced_by_the_next(refused: str) -> None:
    """The logs before the refused one were clean from then on, though nobody had synced them."""
    disk = SimulatedFilesystem(seed=1)
    manager, _ = appended(disk)
    disk.fail("write", errno.ENOSPC, path_part=f"{refused}-0/00000000000000000000.index")
    with pytest.raises(StorageError):
        manager.begin_checkpoint(1000)

    trimmed_below = manager.checkpoint(1000)

    assert trimmed_below == 1000
    _, reopened = open_logs(disk.power_loss())
    assert [values_of(log) for log in reopened] == [VALUES, VALUES]


@pytest.mark.parametrize(
    ("operation", "path_part"),
    [
        ("write", "first-0/leader-epoch-checkpoint"),
        ("write", "recovery-point-offset-checkpoint"),
        ("write", "log-start-offset-checkpoint"),
        ("datasync", "recovery-point-offset-checkpoint"),
        ("open", "second-0/00000000000000000000.log"),
        ("rename", "empty-producer-state-checkpoint"),
    ],
)
def test_a_checkpoint_that_could_not_write_its_files_succeeds_when_the_cause_is_gone(
    operation: str, path_part: str
) -> None:
    """It refused every later one until the restart, and the journal grew."""
    disk = SimulatedFilesystem(seed=1)
    manager, logs = appended(disk)
    if operation == "open":
        manager.disk.close()  # or the file would be open already
    fault = disk.fail(operation, errno.EMFILE if operation == "open" else errno.ENOSPC, path_part=path_part, times=-1)
    for _ in range(2):
        with pytest.raises(StorageError):
            manager.checkpoint(1000)
    fault.times = 0
    for log in logs:
        log.append_as_leader(batch(b"later"), leader_epoch=1, now_ms=NOW_MS)
        log.write_out()

    assert manager.checkpoint(2000) == 2000

    _, reopened = open_logs(disk.power_loss())
    assert [values_of(log) for log in reopened] == [[*VALUES, b"later"]] * 2
    assert [log.leader_epochs.entries for log in reopened] == [[(1, 0)]] * 2


@pytest.mark.parametrize(
    ("operation", "path_part"),
    [("datasync", "first-0/00000000000000000000.log"), ("sync_directory", "first-0"), ("sync_directory", "data")],
)
def test_a_failed_sync_of_what_logs_wrote_is_final(operation: str, path_part: str) -> None:
    """The kernel forgets what it could not write, so a second sync would succeed and mean nothing."""
    disk = SimulatedFilesystem(seed=1)
    manager, _ = appended(disk)
    manager.get_or_create("third", b"3" * 16, 0)
    disk.fail(operation, errno.EIO, path_part=path_part)
    with pytest.raises(SyncFailed):
        manager.checkpoint(1000)
    with pytest.raises(SyncFailed, match="restart this node"):
        manager.checkpoint(1000)


def test_a_cut_between_a_failed_checkpoint_and_the_next_lowers_the_recovery_point() -> None:
    disk = SimulatedFilesystem(seed=1)
    manager, (first, _) = appended(disk)
    disk.fail("write", errno.ENOSPC, path_part="recovery-point-offset-checkpoint")
    with pytest.raises(StorageError):
        manager.checkpoint(1000)
    first.truncate_to(5)
    first.append_as_leader(batch(b"other"), leader_epoch=2, now_ms=NOW_MS)
    first.write_out()
    manager.checkpoint(2000)
    _, (reopened, _) = open_logs(disk.power_loss())
    assert values_of(reopened) == [*VALUES[:5], b"other"]


def test_a_recovery_point_that_could_not_be_lowered_is_lowered_by_the_next_try() -> None:
    """The second try took it for lowered, and cut below what the file still vouched for."""
    disk = SimulatedFilesystem(seed=1)
    manager, (first, _) = appended(disk)
    manager.checkpoint(0)
    disk.fail("write", errno.ENOSPC, path_part="recovery-point-offset-checkpoint")
    with pytest.raises(StorageError):
        first.truncate_to(5)
    first.truncate_to(5)
    reopened = LogManager(disk.power_loss(), "data", config_of=lambda topic: CONFIG)
    reopened.load_all()
    reopened.replay([])
    assert not reopened.offline


def test_a_late_checkpoint_of_a_deleted_log_leaves_the_log_of_its_name_alone() -> None:
    """Its epoch file went into the directory of the topic that was made anew."""
    disk = SimulatedFilesystem(seed=1)
    manager, (first, _) = appended(disk)
    checkpoint = manager.begin_checkpoint(1000)
    manager.delete(first)
    successor = manager.get_or_create("first", b"9" * 16, 0, config=CONFIG)
    checkpoint.run()
    assert successor.leader_epochs.entries == []


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
