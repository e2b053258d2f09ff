"""A journal that grows is given a segment of zeros to go on in, a piece at a time, and loses nothing by it."""

from __future__ import annotations

import errno

import pytest
from simulation import SimulatedFilesystem

from wal import Journal, JournalLimits, StorageError
from wal.spare_in_making import PIECE_BYTES

LIMITS = JournalLimits(
    commit_bytes_max=4096, commit_entries_max=8, segment_bytes=2 * PIECE_BYTES + 512, spare_segments_max=1
)


@pytest.fixture
def disk() -> SimulatedFilesystem:
    return SimulatedFilesystem()


def written_journal(disk: SimulatedFilesystem, limits: JournalLimits = LIMITS) -> Journal:
    """Written until it wants a spare, or for long enough that it does not."""
    journal = Journal.open(disk, "journal", limits)
    fill(journal, 40)
    return journal


def fill(journal: Journal, count: int) -> None:
    for _ in range(count):
        journal.enqueue(1, [bytes(4000)])
        journal.commit()


def steps(journal: Journal) -> int:
    taken = 0
    while journal.wants_spare:
        journal.prepare()
        taken += 1
    return taken


def sequences(journal: Journal) -> list[int]:
    return [entry.sequence for entry in journal.replay()]


def test_a_journal_that_is_hardly_written_wants_none(disk: SimulatedFilesystem) -> None:
    journal = Journal.open(disk, "journal", LIMITS)
    assert not journal.wants_spare
    fill(journal, 1)
    assert not journal.wants_spare


def test_a_segment_is_prepared_in_pieces_and_the_next_commit_overwrites_it(disk: SimulatedFilesystem) -> None:
    journal = written_journal(disk)

    assert steps(journal) == 3

    fill(journal, 2)
    assert disk.list("journal") == ["00000000000000000001.wal", "00000000000000000041.wal"]
    assert disk.size("journal/00000000000000000041.wal") == LIMITS.segment_bytes
    assert sequences(journal) == list(range(1, 43))


def test_commits_go_on_in_the_growing_segment_while_the_spare_is_not_whole(disk: SimulatedFilesystem) -> None:
    journal = written_journal(disk)
    journal.prepare()
    fill(journal, 1)
    assert journal.wants_spare
    assert [name for name in disk.list("journal") if name.endswith(".wal")] == ["00000000000000000001.wal"]


def test_it_is_done_once_for_what_is_trimmed_later_is_the_spare(disk: SimulatedFilesystem) -> None:
    journal = written_journal(disk)
    steps(journal)
    fill(journal, 300)
    assert not journal.wants_spare


def test_the_zeros_behind_the_last_commit_are_cut_when_it_is_opened_again(disk: SimulatedFilesystem) -> None:
    journal = written_journal(disk)
    steps(journal)
    fill(journal, 2)

    reopened = Journal.open(disk.kill(), "journal", LIMITS)

    assert reopened.cut_bytes > PIECE_BYTES
    assert sequences(reopened) == list(range(1, 43))


def test_a_journal_that_was_closed_has_no_zeros_to_look_through(disk: SimulatedFilesystem) -> None:
    journal = written_journal(disk)
    steps(journal)
    fill(journal, 2)

    journal.close()

    assert Journal.open(disk, "journal", LIMITS).cut_bytes == 0


@pytest.mark.parametrize("made_steps", [1, 2, 3])
def test_a_spare_of_an_earlier_run_is_removed(disk: SimulatedFilesystem, made_steps: int) -> None:
    journal = written_journal(disk)
    for _ in range(made_steps):
        journal.prepare()
    rebooted = disk.power_loss()
    assert sequences(Journal.open(rebooted, "journal", LIMITS)) == list(range(1, 41))
    assert rebooted.list("journal") == ["00000000000000000001.wal"]


@pytest.mark.parametrize("operation", ["create", "write", "datasync"])
def test_a_failure_is_told_once_and_the_journal_goes_on_without(disk: SimulatedFilesystem, operation: str) -> None:
    journal = written_journal(disk)
    disk.fail(operation, errno.ENOSPC, path_part="zeros")

    with pytest.raises(StorageError, match="prepare a journal segment"):
        steps(journal)

    assert not journal.wants_spare
    assert disk.list("journal") == ["00000000000000000001.wal"]
    fill(journal, 200)
    assert sequences(journal) == list(range(1, 241))


def test_a_disk_with_little_room_is_left_alone(disk: SimulatedFilesystem) -> None:
    journal = written_journal(disk)
    disk.capacity_bytes = 5 * LIMITS.segment_bytes
    assert steps(journal) == 1
    assert disk.list("journal") == ["00000000000000000001.wal"]


def test_a_journal_without_spares_prepares_none(disk: SimulatedFilesystem) -> None:
    without = JournalLimits(
        commit_bytes_max=4096, commit_entries_max=8, segment_bytes=LIMITS.segment_bytes, spare_segments_max=0
    )
    assert not written_journal(disk, without).wants_spare
