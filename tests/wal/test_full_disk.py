"""A disk that is really full: a tmpfs of one mebibyte (needs the right to mount; skipped aloud without)."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from wal import Journal, JournalLimits, JournalPoisoned, OsFilesystem, StorageError

LIMITS = JournalLimits(commit_bytes_max=1 << 20, commit_entries_max=100, segment_bytes=100_000, spare_segments_max=1)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "disk"
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(path)], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount a small tmpfs here: {mounted.stderr.strip()}")
    yield path
    subprocess.run(["umount", str(path)], check=True)


def test_a_full_disk_fails_the_commit_and_keeps_what_was_acknowledged(small_disk: Path) -> None:
    directory = str(small_disk / "journal")
    journal = Journal.open(OsFilesystem(), directory, LIMITS)
    committed = 0
    with pytest.raises(
        StorageError, match=r"cannot write the journal .*No space left on device \(ENOSPC\); free space"
    ):
        while True:
            journal.enqueue(1, [b"%d:" % (committed + 1), bytes(30_000)])
            committed = journal.commit()
    with pytest.raises(JournalPoisoned):
        journal.commit()
    journal.close()
    assert committed > 20

    journal = Journal.open(OsFilesystem(), directory, LIMITS)
    found = [bytes(entry.payload).partition(b":")[0] for entry in journal.replay()]
    assert found == [b"%d" % number for number in range(1, committed + 1)]

    assert journal.trim(committed // 2) > 0
    journal.enqueue(1, [b"%d:" % (committed + 1), bytes(30_000)])
    assert journal.commit() == committed + 1
    journal.close()


def test_a_disk_too_full_to_begin_says_so(small_disk: Path) -> None:
    filler = small_disk / "filler"
    with pytest.raises(OSError, match="No space left"), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    with pytest.raises(StorageError, match="ENOSPC"):
        Journal.open(OsFilesystem(), str(small_disk / "journal"), LIMITS)
    filler.unlink()
    Journal.open(OsFilesystem(), str(small_disk / "journal"), LIMITS).close()
