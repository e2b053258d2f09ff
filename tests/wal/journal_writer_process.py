"""A process that commits to a journal until it is killed, and prints what it was promised. Not a test.

    python journal_writer_process.py DIRECTORY

After each commit one line with the durable sequence. Entry n is `n:` and n % 700 times the byte n % 256.
"""

from __future__ import annotations

import os
import sys
import threading

from wal import Journal, JournalLimits, OsFilesystem

LIMITS = JournalLimits(commit_bytes_max=100_000, commit_entries_max=200, segment_bytes=200_000, spare_segments_max=1)


def payload(sequence: int) -> list[bytes]:
    return [b"%d:" % sequence, bytes([sequence % 256]) * (sequence % 700)]


def main() -> None:
    journal = Journal.open(OsFilesystem(), sys.argv[1], LIMITS)
    room = threading.Semaphore(1000)

    def commit_for_ever() -> None:
        durable = journal.durable_sequence
        while True:
            reached = journal.commit()
            if reached == durable:
                continue
            os.write(1, b"%d\n" % reached)
            room.release(reached - durable)
            durable = reached
            if durable % 50 == 0:
                journal.trim(durable - 2000)

    threading.Thread(target=commit_for_ever, daemon=True).start()
    while True:
        room.acquire()
        journal.enqueue(3, payload(journal.next_sequence))


if __name__ == "__main__":
    main()
