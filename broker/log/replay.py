"""Repeating the journal onto the logs after a crash, in order, so that everything acknowledged is there again.

Segments may already have more than the journal's oldest entries, or, where a truncation came later, something else
altogether. So for each batch of an APPEND:

| the log | what is done |
|---|---|
| has this very batch (checksum and epoch), or gave it up since | nothing |
| ends where the batch belongs | appended |
| has another batch there | cut there, then appended: the journal is the truth |
| ends before it | a hole, unless a TRUNCATE or RESTARTED that follows drops that part: held back until then |

What is still held back at the end lost records that were acknowledged: the partition goes offline, aloud.

This stands on two rules of those who write the journal: a cut is durable there before it is made (TRUNCATE, RESTARTED),
and a recovery point never gets ahead of it (`LogManager.begin_checkpoint`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from broker.log import truncation
from broker.log.journal_entries import APPEND, LOG_START, REMOVED, RESTARTED, TRUNCATE, LogEntry
from broker.log.partition_log import PartitionLog
from broker.log.recovery import VerifiedBatches
from protocol.records import BatchHeader, iterate_batches
from wal import StorageError


@dataclass(slots=True)
class LogReplay:
    """The replay onto one log. `hole` says what is missing, if anything is. What lies below `covered_end` is synced or
    in the journal; a crash may have left records behind it that are neither."""

    log: PartitionLog
    verified: VerifiedBatches
    take_room: Callable[[int], None]  # asked before so many bytes are appended; StorageError where the disk is full
    covered_end: int
    start_offset: int  # where the log is to start; it may not reach so far before the replay is through
    hole: str = ""
    # What the disk refused, and how many bytes of records the entries since then have.
    refused: StorageError | None = None
    owed_bytes: int = 0
    # Whether the replica was taken away, and nothing has come since that speaks of another one.
    is_removed: bool = False

    @property
    def has_uncovered(self) -> bool:
        return self.log.log_end_offset > self.covered_end

    def apply(self, entry: LogEntry) -> None:
        if self.refused is None:
            try:
                self._apply(entry)
                return
            except StorageError as error:
                self.refused = error
        self.owed_bytes += len(entry.records)

    def _apply(self, entry: LogEntry) -> None:
        self.is_removed = entry.kind == REMOVED
        if entry.kind == APPEND:
            self._append(entry)
        elif entry.kind == TRUNCATE:
            self._truncate(entry.offset)
        elif entry.kind == LOG_START:
            # Moved at the end: the log may not reach so far yet.
            self.start_offset = max(self.start_offset, entry.offset)
        elif entry.kind == RESTARTED:
            self._restart(entry.offset)
        elif entry.kind == REMOVED:
            # A replica that was moved away may have come back, under the same topic id: what follows is all it has.
            self._restart(0)

    def _restart(self, offset: int) -> None:
        self.log.truncate_fully_and_start_at(offset)
        self.verified = VerifiedBatches(offset)
        self.covered_end = self.start_offset = offset
        self.hole = ""

    def finish(self) -> None:
        """The journal is through."""
        if self.hole or self.is_removed or self.refused is not None:
            return
        end_offset = self.log.log_end_offset
        if self.start_offset > end_offset:
            self.hole = f"the log starts at {self.start_offset} but ends at {end_offset}"
            return
        try:
            truncation.advance_log_start(self.log, self.start_offset)
        except StorageError as error:
            self.refused = error

    def _append(self, entry: LogEntry) -> None:
        if self.hole:
            return
        log, records = self.log, entry.records
        expected = entry.offset
        for position, header in iterate_batches(records):
            if expected < 0:
                expected = header.base_offset
            if not self._has(header):
                if log.log_end_offset > header.base_offset:
                    self._cut(header.base_offset)
                if log.log_end_offset != expected:
                    self.hole = f"offsets {log.log_end_offset} to {expected} are missing"
                    break
                self.take_room(header.size_bytes)
                # A copy: the journal's buffer is not ours to keep until the write.
                log.append_stored(memoryview(bytes(records[position : position + header.size_bytes])), header)
                self.verified.add(header)
            expected = header.next_offset
            self.covered_end = max(self.covered_end, expected)
        log.write_out()

    def _has(self, header: BatchHeader) -> bool:
        if header.base_offset < max(self.verified.start_offset, self.log.segments[0].base_offset):
            # Synced, or given up since. One that ends behind what is synced is of a history that is cut further on.
            return True
        return header.next_offset <= self.log.log_end_offset and self.verified.holds(header)

    def _cut(self, offset: int) -> None:
        self.log.write_out()
        self.log.truncate_to(offset)
        self.verified.truncate_to(offset)
        self.covered_end = min(self.covered_end, self.log.log_end_offset)
        self.verified.start_offset = min(self.verified.start_offset, self.log.log_end_offset)

    def _truncate(self, offset: int) -> None:
        first = self.log.segments[0].base_offset
        if offset < first:
            # Made before that segment became the first (so low a cut is a RESTARTED), so what is synced came after it;
            # what was appended behind that in this replay came before.
            offset = max(first, self.verified.start_offset)
        if offset <= self.log.log_end_offset:
            # Whatever is missing lies behind the cut: those records were dropped on purpose.
            self.hole = ""
            self._cut(offset)
        # A log never starts behind its end.
        self.start_offset = min(self.start_offset, offset)
