"""kill -9 of a process that writes to a real disk: everything it was promised is read back."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from wal import Journal, OsFilesystem

PROJECT = Path(__file__).parents[2]
WRITER = Path(__file__).with_name("journal_writer_process.py")


def payload(sequence: int) -> bytes:
    return b"%d:" % sequence + bytes([sequence % 256]) * (sequence % 700)


def write_until_killed(directory: Path, *, commits: int) -> int:
    """Kill the writer after so many commits; the last sequence it said was durable."""
    process = subprocess.Popen(
        [sys.executable, str(WRITER), str(directory)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )
    assert process.stdout is not None
    with process, process.stdout:
        lines = [process.stdout.readline() for _ in range(commits)]
        process.kill()
        lines += process.stdout.read().splitlines(keepends=True)
    # A line without its end was being written when the process died.
    return int([line for line in lines if line.endswith(b"\n")][-1])


def test_a_killed_writer_left_everything_it_was_promised(tmp_path: Path) -> None:
    directory = tmp_path / "journal"
    promised = 0
    for commits in (1, 3, 40, 7, 150, 2):
        promised_now = write_until_killed(directory, commits=commits)
        assert promised_now > promised

        journal = Journal.open(OsFilesystem(), str(directory))
        found = [(entry.sequence, entry.kind, bytes(entry.payload)) for entry in journal.replay()]
        journal.close()

        sequences = [sequence for sequence, _, _ in found]
        assert sequences == list(range(sequences[0], sequences[-1] + 1))
        assert sequences[-1] >= promised_now
        assert sequences[0] == 1 or sequences[0] <= sequences[-1] - 1500
        assert all(kind == 3 and data == payload(sequence) for sequence, kind, data in found)
        promised = sequences[-1]
