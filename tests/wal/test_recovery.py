"""What is cut as a torn commit, what is refused as damage: the rule in `wal.recovery`, case by case."""

from __future__ import annotations

import pytest
from crc32c import crc32c
from simulation import SimulatedCrash, SimulatedFilesystem

from wal import CorruptionError, Journal, JournalLimits
from wal.segment_file import encode_segment_header

TINY = JournalLimits(commit_bytes_max=4096, commit_entries_max=8, segment_bytes=4096, spare_segments_max=1)
FIRST = "journal/00000000000000000001.wal"
SECOND = "journal/00000000000000000004.wal"
LAST = "journal/00000000000000000007.wal"

# Each commit holds one entry of 600 bytes: two sectors. A segment holds three of them behind its header sector.
FRAME_BYTES = 1024
HEADER_BYTES = 512


@pytest.fixture
def disk() -> SimulatedFilesystem:
    """Entries 1 to 9 in three segments, closed."""
    disk = SimulatedFilesystem()
    journal = Journal.open(disk, "journal", TINY)
    for number in range(1, 10):
        journal.enqueue(number, [bytes([number]) * 600])
        journal.commit()
    journal.close()
    return disk


def frame_position(place: int) -> int:
    return HEADER_BYTES + place * FRAME_BYTES


def reopen(disk: SimulatedFilesystem) -> list[int]:
    return [entry.sequence for entry in Journal.open(disk, "journal", TINY).replay()]


def cut_file(disk: SimulatedFilesystem, path: str, size: int) -> None:
    file = disk.open(path)
    file.truncate(size)
    file.datasync()


def test_a_commit_cut_anywhere_is_dropped_and_the_file_ends_before_it(disk: SimulatedFilesystem) -> None:
    # 629 bytes of header and body; the padding behind them does not count.
    for size in (*range(frame_position(2) + 600, frame_position(2), -97), frame_position(2)):
        cut_file(disk, LAST, size)
        assert reopen(disk) == [1, 2, 3, 4, 5, 6, 7, 8]
        assert disk.size(LAST) == frame_position(2)


def test_a_commit_without_its_padding_counts(disk: SimulatedFilesystem) -> None:
    cut_file(disk, LAST, frame_position(2) + 629)
    assert reopen(disk) == [1, 2, 3, 4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize("sector", [0, 1])
def test_a_last_commit_with_a_zeroed_sector_is_dropped(disk: SimulatedFilesystem, sector: int) -> None:
    disk.damage(LAST, frame_position(2) + sector * 512, bytes(512))
    assert reopen(disk) == [1, 2, 3, 4, 5, 6, 7, 8]


def test_zeros_behind_the_last_commit_are_cut(disk: SimulatedFilesystem) -> None:
    disk.damage(LAST, disk.size(LAST), bytes(100_000))
    assert reopen(disk) == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert disk.size(LAST) == frame_position(3)


def test_rubbish_behind_the_last_commit_is_cut(disk: SimulatedFilesystem) -> None:
    disk.damage(LAST, disk.size(LAST), b"MSWF" * 3000)
    assert reopen(disk) == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert disk.size(LAST) == frame_position(3)


def test_a_flipped_bit_in_the_last_commit_cannot_be_told_from_a_torn_one(disk: SimulatedFilesystem) -> None:
    disk.damage(LAST, frame_position(2) + 300, b"\xff")
    assert reopen(disk) == [1, 2, 3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("offset", [0, 5, 9, 14, 20, 30, 600])
def test_damage_before_a_good_commit_is_refused_and_changes_nothing(
    disk: SimulatedFilesystem, place: int, offset: int
) -> None:
    """A commit is written only after the one before was synced: that one was acknowledged."""
    disk.damage(LAST, frame_position(place) + offset, b"\xee")
    before = bytes(disk.content(LAST))
    sequence = 7 + place

    with pytest.raises(
        CorruptionError, match=rf"{LAST} is damaged at byte {frame_position(place)}: entries {sequence} "
    ):
        Journal.open(disk, "journal", TINY)

    assert disk.content(LAST) == before


def test_a_whole_commit_missing_before_a_good_one_is_refused(disk: SimulatedFilesystem) -> None:
    disk.damage(LAST, frame_position(1), bytes(FRAME_BYTES))
    with pytest.raises(CorruptionError, match="entries 8 to 8 were acknowledged"):
        Journal.open(disk, "journal", TINY)


def test_damage_in_a_sealed_segment_is_refused_by_replay(disk: SimulatedFilesystem) -> None:
    disk.damage(SECOND, frame_position(2) + 100, b"\xee")
    replay = Journal.open(disk, "journal", TINY).replay()
    assert [next(replay).sequence for _ in range(5)] == [1, 2, 3, 4, 5]
    with pytest.raises(CorruptionError, match=rf"{SECOND} ends at entry 5, but the next segment begins with 7"):
        next(replay)


def test_a_sealed_segment_cut_short_is_refused_by_replay(disk: SimulatedFilesystem) -> None:
    cut_file(disk, FIRST, frame_position(2))
    with pytest.raises(CorruptionError, match="ends at entry 2, but the next segment begins with 4"):
        reopen(disk)


def test_a_missing_segment_in_the_middle_is_refused_by_replay(disk: SimulatedFilesystem) -> None:
    disk.remove(SECOND)
    with pytest.raises(CorruptionError, match="a segment is missing"):
        reopen(disk)


def test_missing_oldest_segments_are_what_trim_leaves(disk: SimulatedFilesystem) -> None:
    disk.remove(FIRST)
    assert reopen(disk) == [4, 5, 6, 7, 8, 9]


def test_an_exchanged_segment_is_refused(disk: SimulatedFilesystem) -> None:
    disk.rename(FIRST, SECOND)
    with pytest.raises(CorruptionError, match="holds the segment of sequence 1: it was renamed"):
        Journal.open(disk, "journal", TINY)


@pytest.mark.parametrize("path", [FIRST, LAST])
def test_a_segment_without_its_header_is_refused(disk: SimulatedFilesystem, path: str) -> None:
    """Its name appears only after its header is durable, so this is no crash's doing."""
    disk.damage(path, 3, b"?")
    with pytest.raises(CorruptionError, match="does not begin with a journal header"):
        Journal.open(disk, "journal", TINY)
    cut_file(disk, path, 0)
    with pytest.raises(CorruptionError, match="cut inside its header"):
        Journal.open(disk, "journal", TINY)


def test_a_newer_format_is_refused_by_its_number(disk: SimulatedFilesystem) -> None:
    checked = (2).to_bytes(4, "big") + (7).to_bytes(8, "big")
    disk.damage(LAST, 8, crc32c(checked).to_bytes(4, "big") + checked)
    with pytest.raises(CorruptionError, match="journal format 2, this program reads 1"):
        Journal.open(disk, "journal", TINY)


def test_leftovers_of_a_crash_are_removed_and_strangers_left_alone(disk: SimulatedFilesystem) -> None:
    for name in ("00000000000000000010.wal.tmp", "00000000000000000002.spare", "notes.txt", "7.wal"):
        disk.open(f"journal/{name}", create=True).append([b"half"])

    assert reopen(disk) == list(range(1, 10))

    assert [name for name in disk.list("journal") if not name.startswith("0000")] == ["7.wal", "notes.txt"]
    assert not any(name.endswith((".tmp", ".spare")) for name in disk.list("journal"))


def test_an_empty_new_segment_is_gone_on_with(disk: SimulatedFilesystem) -> None:
    """A crash between rolling and the first commit in the new segment."""
    disk.open("journal/00000000000000000010.wal", create=True).append([encode_segment_header(10)])
    journal = Journal.open(disk, "journal", TINY)
    assert journal.enqueue(1, [b"next"]) == 10
    journal.commit()
    assert [entry.sequence for entry in journal.replay()] == list(range(1, 11))


def test_what_recovery_kept_survives_the_power_even_if_nobody_had_synced_it(disk: SimulatedFilesystem) -> None:
    """The process died between write and sync; the next one reads the commit from the page cache and builds on it."""
    for seed in range(100):
        disk.rng.seed(seed)
        before = disk.kill()
        journal = Journal.open(before, "journal", TINY)
        journal.enqueue(1, [b"unsynced"])
        before.crash_at = before.operations + seed % 8 + 1
        with pytest.raises(SimulatedCrash):
            while True:
                journal.commit()
                journal.enqueue(1, [b"more"])
        killed = before.kill()
        kept = reopen(killed)
        assert reopen(killed.power_loss()) == kept


def test_recovery_reads_a_large_segment_in_pieces() -> None:
    limits = JournalLimits(
        commit_bytes_max=1 << 16, commit_entries_max=100, segment_bytes=1 << 24, spare_segments_max=0
    )
    disk = SimulatedFilesystem()
    journal = Journal.open(disk, "journal", limits)
    for number in range(300):
        journal.enqueue(1, [number.to_bytes(4, "big"), bytes(20_000)])
        journal.commit()
    journal.close()
    reads: list[int] = []
    disk.before_operation = lambda operation, path: reads.append(1) if operation == "read" else None
    journal = Journal.open(disk, "journal", limits)
    found = [int.from_bytes(entry.payload[:4], "big") for entry in journal.replay()]

    assert found == list(range(300))
    assert len(reads) < 40, "6 MiB in pieces of 1 MiB, twice"
