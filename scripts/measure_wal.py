#!/usr/bin/env python3
"""Measure the journal on this machine's disk: what the numbers in wal's comments were taken from.

    scripts/measure_wal.py [DIRECTORY]     (default: a temporary directory below the current one)

- enqueue: nanoseconds a call, as the event loop pays them
- commit: 64 entries of 350 B, alone; on fresh files and on reused ones
- the same beside a thread that runs Python and makes small system calls, as an event loop does
- 8 entries of 1 MiB a commit
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from contextlib import nullcontext
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from wal import Journal, JournalLimits, OsFilesystem  # noqa: E402

MIB = 1 << 20


class BusyThread:
    """15 microseconds of Python, then two small system calls, for ever: an event loop at its limit."""

    def __init__(self) -> None:
        self.turns = 0
        self._stopping = False
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> BusyThread:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stopping = True
        self._thread.join()

    def _run(self) -> None:
        reader, writer = os.pipe()
        while not self._stopping:
            for _ in range(150):
                self.turns += 1
            os.write(writer, b"x")
            os.read(reader, 1)
        os.close(reader)
        os.close(writer)


def limits(segment_mib: int) -> JournalLimits:
    return JournalLimits(
        commit_bytes_max=64 * MIB, commit_entries_max=10_000, segment_bytes=segment_mib * MIB, spare_segments_max=1
    )


def measure_enqueue(directory: str) -> None:
    journal = Journal.open(OsFilesystem(), directory, limits(64))
    header, batch = bytes(30), bytes(320)
    enqueue = journal.enqueue
    count = 200_000
    started = time.perf_counter()
    for _ in range(count):
        enqueue(1, (header, batch))
    print(f"enqueue                              {(time.perf_counter() - started) / count * 1e9:8.0f} ns")
    journal.close()


def measure_commits(name: str, journal: Journal, *, commits: int, entries: int, part_bytes: int) -> None:
    header, batch = bytes(30), os.urandom(part_bytes)
    times = []
    for _ in range(commits):
        for _ in range(entries):
            journal.enqueue(1, (header, batch))
        started = time.perf_counter()
        journal.commit()
        times.append(time.perf_counter() - started)
    times.sort()
    total = sum(times)
    print(
        f"{name:36} {commits / total:8.0f} commits/s {entries * commits / total:9.0f} entries/s "
        f"{entries * part_bytes * commits / total / MIB:7.0f} MiB/s   p50 {times[commits // 2] * 1e3:6.3f} ms   "
        f"p99 {times[commits * 99 // 100] * 1e3:6.3f} ms"
    )


def go_round(journal: Journal) -> None:
    """Fill and trim until every further segment is a reused one."""
    for _ in range(4 * journal.limits.segment_bytes // MIB):
        journal.enqueue(1, (bytes(MIB),))
        journal.trim(journal.commit())


def main() -> None:
    base = sys.argv[1] if len(sys.argv) > 1 else "."
    with tempfile.TemporaryDirectory(prefix="measure-wal-", dir=base) as directory:
        measure_enqueue(f"{directory}/enqueue")
        for load, busy in (("", False), (", busy loop", True)):
            for blocks in ("fresh", "reused"):
                name = f"64 x 350 B, {blocks} file{load}"
                journal = Journal.open(OsFilesystem(), f"{directory}/{name}", limits(64))
                if blocks == "reused":
                    go_round(journal)
                with BusyThread() if busy else nullcontext():
                    measure_commits(name, journal, commits=1600, entries=64, part_bytes=320)
                journal.close()
        journal = Journal.open(OsFilesystem(), f"{directory}/large", limits(256))
        measure_commits("8 x 1 MiB", journal, commits=60, entries=8, part_bytes=MIB)
        journal.close()


if __name__ == "__main__":
    main()
