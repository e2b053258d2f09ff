"""A failed write or sync: its caller is told, and nothing after it is ever acknowledged."""

from __future__ import annotations

import errno

import pytest
from simulation import SimulatedFilesystem

from wal import Journal, JournalLimits, JournalPoisoned, StorageError

TINY = JournalLimits(commit_bytes_max=4096, commit_entries_max=8, segment_bytes=4096, spare_segments_max=1)
FAILURES = [
    ("write", errno.ENOSPC, "No space left on device .ENOSPC.; free space"),
    ("write", errno.EIO, "EIO.*disk reports a hardware error"),
    ("datasync", errno.EIO, "EIO"),
    ("datasync", errno.ENOSPC, "ENOSPC"),
    ("datasync", errno.EDQUOT, "quota"),
]
ROLL_FAILURES = [
    ("create", errno.EMFILE, "limit of open files"),
    ("create", errno.ENOSPC, "free space"),
    ("write", errno.ENOSPC, "free space"),
    ("datasync", errno.EIO, "EIO"),
    ("rename", errno.EROFS, "read-only"),
    ("sync_directory", errno.EIO, "EIO"),
]


def journal_with(disk: SimulatedFilesystem, count: int) -> Journal:
    journal = Journal.open(disk, "journal", TINY)
    for _ in range(count):
        journal.enqueue(1, [bytes(600)])
        journal.commit()
    return journal


def found_after(disk: SimulatedFilesystem) -> list[int]:
    return [entry.sequence for entry in Journal.open(disk, "journal", TINY).replay()]


@pytest.mark.parametrize(("operation", "error", "sentence"), FAILURES)
def test_a_failed_commit_names_the_file_the_error_and_what_to_do(operation: str, error: int, sentence: str) -> None:
    disk = SimulatedFilesystem()
    journal = journal_with(disk, 1)
    journal.enqueue(1, [b"lost"])
    disk.fail(operation, error)
    with pytest.raises(StorageError, match=f"cannot write the journal journal/0{{19}}1.wal: .*{sentence}") as raised:
        journal.commit()
    assert not isinstance(raised.value, JournalPoisoned)
    assert isinstance(raised.value.__cause__, OSError)


@pytest.mark.parametrize(("operation", "error", "_sentence"), FAILURES)
def test_nothing_is_acknowledged_after_a_failure_even_if_the_disk_is_well_again(
    operation: str, error: int, _sentence: str
) -> None:
    disk = SimulatedFilesystem()
    journal = journal_with(disk, 2)
    journal.enqueue(1, [b"lost"])
    disk.fail(operation, error)
    with pytest.raises(StorageError):
        journal.commit()

    with pytest.raises(JournalPoisoned, match="nothing is acknowledged until the journal is opened again"):
        journal.commit()
    with pytest.raises(JournalPoisoned):
        journal.enqueue(1, [b"later"])
    assert journal.durable_sequence == 2


def test_what_was_enqueued_behind_a_failing_commit_is_not_written() -> None:
    disk = SimulatedFilesystem()
    journal = journal_with(disk, 1)
    for _ in range(20):
        journal.enqueue(1, [b"x"])
    disk.fail("datasync", errno.EIO)
    with pytest.raises(StorageError):
        journal.commit()
    before = disk.operations
    with pytest.raises(JournalPoisoned):
        journal.commit()
    assert disk.operations == before


@pytest.mark.parametrize(("operation", "error", "sentence"), ROLL_FAILURES)
def test_a_failure_while_rolling_poisons_too_and_loses_nothing_committed(
    operation: str, error: int, sentence: str
) -> None:
    for seed in range(20):
        disk = SimulatedFilesystem(seed)
        journal = journal_with(disk, 3)
        journal.enqueue(1, [bytes(600)])
        disk.fail(operation, error)
        with pytest.raises(StorageError, match=sentence):
            journal.commit()
        with pytest.raises(JournalPoisoned):
            journal.commit()
        assert found_after(disk.kill() if seed % 2 else disk.power_loss()) == [1, 2, 3]


@pytest.mark.parametrize(("operation", "error", "_sentence"), FAILURES)
def test_after_reopening_the_failed_commit_is_there_as_a_whole_or_not_at_all(
    operation: str, error: int, _sentence: str
) -> None:
    for seed in range(40):
        disk = SimulatedFilesystem(seed)
        journal = journal_with(disk, 2)
        for _ in range(3):
            journal.enqueue(1, [bytes(600)])
        disk.fail(operation, error)
        with pytest.raises(StorageError):
            journal.commit()
        disk = disk.kill() if seed % 2 else disk.power_loss()

        assert found_after(disk) in ([1, 2], [1, 2, 3, 4, 5])


def test_a_commit_kept_by_the_page_cache_after_a_failed_sync_is_durable_once_recovered() -> None:
    """Linux drops the dirty mark after a failed fsync: a second fsync succeeds without writing anything."""
    kept = 0
    for seed in range(60):
        disk = SimulatedFilesystem(seed)
        journal = journal_with(disk, 1)
        journal.enqueue(1, [bytes(900)])
        disk.fail("datasync", errno.EIO)
        with pytest.raises(StorageError):
            journal.commit()
        disk = disk.kill()
        journal = Journal.open(disk, "journal", TINY)
        recovered = journal.durable_sequence
        journal.enqueue(1, [b"built upon it"])
        journal.commit()
        kept += recovered == 2

        assert found_after(disk.power_loss()) == list(range(1, recovered + 2))
    assert kept > 0


def test_a_full_disk_fails_the_commit_and_works_again_after_space_was_made() -> None:
    disk = SimulatedFilesystem()
    disk.capacity_bytes = 20_000
    journal = Journal.open(disk, "journal", TINY)
    committed = 0
    with pytest.raises(StorageError, match="ENOSPC"):
        while True:
            journal.enqueue(1, [bytes(600)])
            committed = journal.commit()
    journal.close()
    assert committed > 10
    assert found_after(disk)[-1] == committed

    disk.capacity_bytes = 40_000
    journal = Journal.open(disk, "journal", TINY)
    journal.enqueue(1, [b"again"])
    assert journal.commit() == committed + 1


def test_recovery_on_a_full_disk_only_needs_to_cut() -> None:
    disk = SimulatedFilesystem()
    journal_with(disk, 5).close()
    disk.damage("journal/00000000000000000004.wal", disk.size("journal/00000000000000000004.wal"), b"torn")
    disk.capacity_bytes = 0
    assert found_after(disk) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("operation", ["open", "read", "truncate", "datasync", "write", "sync_directory"])
def test_a_failure_while_opening_is_a_storage_error_and_can_be_tried_again(operation: str) -> None:
    disk = SimulatedFilesystem()
    journal_with(disk, 5).close()
    disk.damage("journal/00000000000000000004.wal", disk.size("journal/00000000000000000004.wal"), b"torn")
    disk.fail(operation, errno.EIO)
    with pytest.raises(StorageError, match=r"journal.*EIO"):
        Journal.open(disk, "journal", TINY)
    assert found_after(disk) == [1, 2, 3, 4, 5]


def test_a_read_error_in_replay_is_a_storage_error() -> None:
    disk = SimulatedFilesystem()
    journal = journal_with(disk, 5)
    disk.fail("read", errno.EIO)
    with pytest.raises(StorageError, match=r"cannot read journal/.*EIO"):
        list(journal.replay())


@pytest.mark.parametrize("operation", ["rename", "sync_directory"])
def test_a_failed_trim_is_told_and_commits_go_on(operation: str) -> None:
    disk = SimulatedFilesystem()
    journal = journal_with(disk, 9)
    disk.fail(operation, errno.EIO)
    with pytest.raises(StorageError, match="cannot remove the trimmed segment"):
        journal.trim(7)
    journal.enqueue(1, [bytes(600)])
    assert journal.commit() == 10
    assert journal.trim(7) == 2
    journal.close()
    assert found_after(disk) == [7, 8, 9, 10]


def test_an_unexpected_interruption_poisons_as_well() -> None:
    """A part that is not bytes is our mistake; what it was queued with is lost, so nothing may follow."""
    journal = Journal.open(SimulatedFilesystem(), "journal", TINY)
    journal.enqueue(1, [7])  # type: ignore[list-item]
    with pytest.raises(TypeError):
        journal.commit()
    with pytest.raises(JournalPoisoned, match="interrupted"):
        journal.commit()


def test_entries_enqueued_during_a_slow_sync_wait_for_the_next_commit() -> None:
    disk = SimulatedFilesystem()
    journal = Journal.open(disk, "journal", TINY)
    journal.enqueue(1, [b"first"])

    def while_syncing(operation: str, path: str) -> None:
        if operation == "datasync":
            journal.enqueue(1, [b"meanwhile"])

    disk.before_operation = while_syncing
    assert journal.commit() == 1
    disk.before_operation = None
    assert journal.commit() == 2
