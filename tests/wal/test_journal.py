"""What a journal promises while nothing goes wrong."""

from __future__ import annotations

import threading
from itertools import pairwise

import pytest
from simulation import SimulatedFilesystem

from wal import PROFILES, Journal, JournalLimits, JournalPoisoned, OsFilesystem
from wal.filesystem import Filesystem

TINY = JournalLimits(commit_bytes_max=4096, commit_entries_max=8, segment_bytes=4096, spare_segments_max=1)


@pytest.fixture
def disk() -> SimulatedFilesystem:
    return SimulatedFilesystem()


def entries(journal: Journal) -> list[tuple[int, int, bytes]]:
    return [(entry.sequence, entry.kind, bytes(entry.payload)) for entry in journal.replay()]


def fill(journal: Journal, count: int, *, payload_bytes: int = 500) -> None:
    for _ in range(count):
        journal.enqueue(1, [bytes(payload_bytes)])
        journal.commit()


def test_an_empty_journal_has_nothing_durable(disk: SimulatedFilesystem) -> None:
    journal = Journal.open(disk, "journal")
    assert journal.durable_sequence == 0
    assert journal.next_sequence == 1
    assert journal.commit() == 0
    assert entries(journal) == []


def test_entries_are_numbered_as_they_are_enqueued(disk: SimulatedFilesystem) -> None:
    journal = Journal.open(disk, "journal")
    assert [journal.enqueue(5, [b"a"]), journal.enqueue(6, [b"b", b"c"]), journal.enqueue(7, [])] == [1, 2, 3]


def test_nothing_is_durable_before_commit(disk: SimulatedFilesystem) -> None:
    journal = Journal.open(disk, "journal")
    journal.enqueue(5, [b"a"])
    assert journal.durable_sequence == 0
    assert entries(journal) == []


def test_one_commit_takes_all_that_gathered_in_one_write(disk: SimulatedFilesystem) -> None:
    journal = Journal.open(disk, "journal")
    for _ in range(64):
        journal.enqueue(5, [b"header", b"batch"])
    before = len(disk.trace)

    assert journal.commit() == 64

    assert [operation for operation, _ in disk.trace[before:]] == ["write", "datasync"]


def test_what_was_committed_is_replayed_after_reopening(disk: SimulatedFilesystem) -> None:
    journal = Journal.open(disk, "journal")
    journal.enqueue(5, [b"a", memoryview(b"b"), bytearray(b"c")])
    journal.enqueue(0, [])
    journal.commit()
    journal.close()

    reopened = Journal.open(disk, "journal")

    assert entries(reopened) == [(1, 5, b"abc"), (2, 0, b"")]
    assert reopened.durable_sequence == 2
    assert reopened.enqueue(1, [b"next"]) == 3


def test_a_commit_stops_at_its_limits_and_the_next_goes_on(disk: SimulatedFilesystem) -> None:
    journal = Journal.open(disk, "journal", TINY)
    for _ in range(20):
        journal.enqueue(1, [b"x"])
    assert [journal.commit(), journal.commit(), journal.commit(), journal.commit()] == [8, 16, 20, 20]


def test_a_full_segment_is_followed_by_one_named_after_its_first_entry(disk: SimulatedFilesystem) -> None:
    journal = Journal.open(disk, "journal", TINY)
    fill(journal, 9)
    assert disk.list("journal") == [
        "00000000000000000001.wal",
        "00000000000000000004.wal",
        "00000000000000000007.wal",
    ]
    assert [sequence for sequence, _, _ in entries(journal)] == list(range(1, 10))


def test_an_entry_larger_than_a_segment_gets_its_own(disk: SimulatedFilesystem) -> None:
    journal = Journal.open(disk, "journal", TINY)
    fill(journal, 1)
    payload = bytes(range(256)) * 100
    journal.enqueue(9, [payload])
    journal.commit()
    fill(journal, 1)
    assert len(disk.list("journal")) == 3
    assert entries(journal)[1] == (2, 9, payload)


def test_trim_removes_only_segments_wholly_below(disk: SimulatedFilesystem) -> None:
    journal = Journal.open(disk, "journal", TINY)
    fill(journal, 9)

    assert journal.trim(6) == 1

    assert [sequence for sequence, _, _ in entries(journal)] == [4, 5, 6, 7, 8, 9]


def test_trim_never_removes_the_segment_being_written(disk: SimulatedFilesystem) -> None:
    journal = Journal.open(disk, "journal", TINY)
    fill(journal, 8)
    assert journal.trim(1_000_000) == 2
    fill(journal, 1)
    journal.close()
    assert [sequence for sequence, _, _ in entries(Journal.open(disk, "journal", TINY))] == [7, 8, 9]


def test_a_trimmed_segment_is_written_again_instead_of_a_new_file(disk: SimulatedFilesystem) -> None:
    journal = Journal.open(disk, "journal", TINY)
    fill(journal, 9)
    journal.trim(7)
    before = len(disk.trace)

    fill(journal, 3)

    assert "create" not in [operation for operation, _ in disk.trace[before:]]
    assert [sequence for sequence, _, _ in entries(journal)] == [7, 8, 9, 10, 11, 12]


def test_frames_of_its_earlier_life_do_not_come_back_from_a_reused_segment(disk: SimulatedFilesystem) -> None:
    journal = Journal.open(disk, "journal", TINY)
    fill(journal, 9)
    journal.trim(7)
    fill(journal, 1)
    path = "journal/00000000000000000010.wal"
    assert disk.size(path) > 2000, "the reused file kept its blocks"

    reopened = Journal.open(disk.kill(), "journal", TINY)

    assert [sequence for sequence, _, _ in entries(reopened)] == [7, 8, 9, 10]
    assert reopened.cut_bytes > 0


def test_spare_segments_are_gone_after_reopening(disk: SimulatedFilesystem) -> None:
    journal = Journal.open(disk, "journal", TINY)
    fill(journal, 9)
    journal.trim(7)
    assert any(name.endswith(".spare") for name in disk.list("journal"))
    journal.close()

    Journal.open(disk, "journal", TINY)

    assert disk.list("journal") == ["00000000000000000007.wal"]


def test_a_segment_that_grew_for_one_huge_entry_is_not_kept_as_a_spare(disk: SimulatedFilesystem) -> None:
    journal = Journal.open(disk, "journal", TINY)
    journal.enqueue(1, [bytes(50_000)])
    journal.commit()
    fill(journal, 1)
    journal.trim(2)
    assert disk.list("journal") == ["00000000000000000002.wal"]


def test_a_closed_journal_takes_nothing(disk: SimulatedFilesystem) -> None:
    journal = Journal.open(disk, "journal")
    journal.close()
    with pytest.raises(JournalPoisoned, match="closed"):
        journal.enqueue(1, [b"late"])
    with pytest.raises(JournalPoisoned, match="closed"):
        journal.commit()


def test_size_is_what_a_replay_reads(disk: SimulatedFilesystem) -> None:
    journal = Journal.open(disk, "journal", TINY)
    assert journal.size_bytes == 512
    fill(journal, 9)
    assert journal.size_bytes == 3 * 512 + 9 * 1024
    journal.trim(7)
    assert journal.size_bytes == 512 + 3 * 1024


def test_a_larger_profile_is_larger_in_everything() -> None:
    profiles = [JournalLimits.named(name) for name in ("low", "medium", "high", "ultra")]
    for smaller, larger in pairwise(profiles):
        assert smaller.commit_bytes_max < larger.commit_bytes_max < larger.segment_bytes
        assert smaller.commit_entries_max < larger.commit_entries_max
        assert smaller.segment_bytes < larger.segment_bytes
    assert set(PROFILES) == {"low", "medium", "high", "ultra"}


def test_an_unknown_profile_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="low, medium, high, ultra"):
        JournalLimits.named("turbo")


def test_one_thread_may_enqueue_while_another_commits_and_a_third_trims(tmp_path: object) -> None:
    """The threads of a broker, on a real disk: every entry exactly once, in order."""
    filesystem: Filesystem = OsFilesystem()
    limits = JournalLimits(commit_bytes_max=20_000, commit_entries_max=64, segment_bytes=40_000, spare_segments_max=1)
    journal = Journal.open(filesystem, f"{tmp_path}/journal", limits)
    total = 5000
    failures: list[BaseException] = []

    def commit_all() -> None:
        try:
            while journal.commit() < total:
                pass
        except BaseException as error:
            failures.append(error)
            raise

    def trim_until_committed() -> None:
        try:
            while journal.durable_sequence < total:
                journal.trim(journal.durable_sequence - 500)
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=commit_all), threading.Thread(target=trim_until_committed)]
    for thread in threads:
        thread.start()
    for number in range(1, total + 1):
        assert journal.enqueue(number % 256, [b"%d:" % number, bytes(200)]) == number
    for thread in threads:
        thread.join()
    journal.close()

    assert not failures
    found = entries(Journal.open(filesystem, f"{tmp_path}/journal", limits))
    assert found[0][0] <= total - 500
    assert found == [(n, n % 256, b"%d:" % n + bytes(200)) for n in range(found[0][0], total + 1)]
