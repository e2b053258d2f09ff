"""Repeating the journal onto the logs after a crash, in order, so that everything acknowledged is there again.

Segments may already have more than the journal's oldest entries, or, where a truncation came later, something else
altogether. So for each batch of an APPEND:

| the log | what is done |
|---|---|
| has this very batch (checksum and epoch) | nothing |
| ends where the batch belongs | appended |
| has another batch there | cut there, then appended: the journal is the truth |
| ends before it | a hole, unless a TRUNCATE or RESTARTED that follows drops that part: held back until then |

What is still held back at the end lost records that were acknowledged: the partition goes offline, aloud.
"""

from __future__ import annotations

from dataclasses import dataclass

from broker.log import truncation
from broker.log.journal_entries import APPEND, LOG_START, RESTARTED, TRUNCATE, LogEntry
from broker.log.partition_log import PartitionLog
from broker.log.recovery import VerifiedBatches
from protocol.records import BatchHeader, iterate_batches


@dataclass(slots=True)
class LogReplay:
    """The replay onto one log. `hole` says what is missing, if anything is."""

    log: PartitionLog
    verified: VerifiedBatches
    hole: str = ""

    def apply(self, entry: LogEntry) -> None:
        if entry.kind == APPEND:
            self._append(entry)
        elif entry.kind == TRUNCATE:
            self._truncate(entry.offset)
        elif entry.kind == LOG_START:
            self._move_start(entry.offset)
        elif entry.kind == RESTARTED:
            self.log.truncate_fully_and_start_at(entry.offset)
            self.verified = VerifiedBatches(entry.offset)
            self.hole = ""

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
                # A copy: the journal's buffer is not ours to keep until the write.
                log.append_stored(memoryview(bytes(records[position : position + header.size_bytes])), header)
                self.verified.add(header)
            expected = header.next_offset
        log.write_out()

    def _has(self, header: BatchHeader) -> bool:
        return header.next_offset <= self.log.log_end_offset and self.verified.holds(header)

    def _cut(self, offset: int) -> None:
        self.log.write_out()
        self.log.truncate_to(offset)
        self.verified.truncate_to(offset)
        self.verified.start_offset = min(self.verified.start_offset, self.log.log_end_offset)

    def _truncate(self, offset: int) -> None:
        if offset <= self.log.log_end_offset:
            # Whatever is missing lies behind the cut: those records were dropped on purpose.
            self.hole = ""
            self._cut(offset)

    def _move_start(self, offset: int) -> None:
        if offset <= self.log.log_end_offset:
            truncation.advance_log_start(self.log, offset)
        elif not self.hole:
            self.hole = f"the log starts at {offset} but ends at {self.log.log_end_offset}"
