"""A dump shows every entry that can be read and every place that cannot, and changes nothing."""

from __future__ import annotations

import pytest
from simulation import SimulatedFilesystem

from wal import DumpedEntry, DumpProblem, Journal, JournalLimits, StorageError, dump

TINY = JournalLimits(commit_bytes_max=4096, commit_entries_max=8, segment_bytes=4096, spare_segments_max=1)
FIRST = "journal/00000000000000000001.wal"
SECOND = "journal/00000000000000000004.wal"


@pytest.fixture
def disk() -> SimulatedFilesystem:
    """Entries 1 to 6 in two segments of three commits, 1,024 bytes each behind a header of 512."""
    disk = SimulatedFilesystem()
    journal = Journal.open(disk, "journal", TINY)
    for number in range(1, 7):
        journal.enqueue(number, [bytes([number]) * 600])
        journal.commit()
    journal.close()
    return disk


def dumped(disk: SimulatedFilesystem, path: str = "journal") -> list[int | str]:
    before = disk.operations
    lines = [
        item.sequence if isinstance(item, DumpedEntry) else f"{item.path}@{item.position}: {item.message}"
        for item in dump(disk, path)
    ]
    assert disk.operations == before
    return lines


def test_a_directory_is_dumped_in_order(disk: SimulatedFilesystem) -> None:
    assert dumped(disk) == [1, 2, 3, 4, 5, 6]


def test_an_entry_says_where_it_is(disk: SimulatedFilesystem) -> None:
    assert list(dump(disk, SECOND))[1] == DumpedEntry(SECOND, 512 + 1024, 5, 5, b"\x05" * 600)


def test_damage_is_named_and_what_lies_behind_it_is_shown(disk: SimulatedFilesystem) -> None:
    disk.damage(FIRST, 512 + 1024 + 50, b"\xee")
    lines = dumped(disk)
    assert [line for line in lines if isinstance(line, int)] == [1, 3, 4, 5, 6]
    assert lines[1] == f"{FIRST}@1536: entries 2 to 2 cannot be read: damaged after they were acknowledged"


def test_a_torn_tail_is_named(disk: SimulatedFilesystem) -> None:
    disk.open(SECOND).truncate(3000)
    assert dumped(disk) == [
        1, 2, 3, 4, 5,
        f"{SECOND}@2560: 440 bytes behind the last commit: a torn commit, or an earlier life of this file",
    ]  # fmt: skip


def test_a_missing_segment_and_a_damaged_header_are_named(disk: SimulatedFilesystem) -> None:
    disk.damage(SECOND, 0, b"?")
    assert [line for line in dumped(disk) if isinstance(line, int)] == [1, 2, 3, 4, 5, 6]
    assert any("does not begin with a journal header" in str(line) for line in dumped(disk))
    disk.rename(FIRST, "journal/00000000000000000002.wal")
    assert any("holds the segment of sequence 1" in str(line) for line in dumped(disk))


def test_a_gap_between_segments_is_named() -> None:
    disk = SimulatedFilesystem()
    journal = Journal.open(disk, "journal", TINY)
    for _ in range(9):
        journal.enqueue(1, [bytes(600)])
        journal.commit()
    disk.remove("journal/00000000000000000004.wal")
    problems = [item for item in dump(disk, "journal") if isinstance(item, DumpProblem)]
    assert [problem.message for problem in problems] == ["entries 4 to 6 are missing before this file"]


def test_a_missing_path_is_a_storage_error() -> None:
    with pytest.raises(StorageError, match="cannot list nowhere"):
        list(dump(SimulatedFilesystem(), "nowhere"))
    with pytest.raises(StorageError, match="cannot open"):
        list(dump(SimulatedFilesystem(), FIRST))
