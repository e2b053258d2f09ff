"""Repeating the journal onto the logs after a crash, in order, so that everything acknowledged is there again.

Segments may already have more than the journal's oldest entries, or, where a truncation came later, something else
altogether. So for each batch of an APPEND:

| the log | what is done |
|---|---|
| has this very batch (checksum and epoch) | nothing |
| ends where the batch belongs | appended |
| has another batch there | cut there, then appended: the journal is the truth |
| ends before it | a hole, unless a TRUNCATE or RESTARTED that follows drops that part: held back until then |

What is still held back at the end lost records that were acknowledged: the partition goes offline, aloud. The one
exception is a truncation that a crash kept from the journal: it lowered the recovery point on disk before it cut, and
nothing else ever puts that point below what the journal goes on from. Then the cut stands, what the journal has of the
former history is passed over, and `correction` is the TRUNCATE that it must get before anything else.
"""

from __future__ import annotations

from dataclasses import dataclass

from broker.log import truncation
from broker.log.journal_entries import APPEND, LOG_START, RESTARTED, TRUNCATE, LogEntry, encode_truncate
from broker.log.partition_log import PartitionLog
from broker.log.recovery import VerifiedBatches
from protocol.records import BatchHeader, iterate_batches


@dataclass(slots=True)
class LogReplay:
    """The replay onto one log. `hole` says what is missing, if anything is. What lies in [.., covered_end) is synced or
    in the journal; a crash may have left records behind it that are neither."""

    log: PartitionLog
    verified: VerifiedBatches
    covered_end: int
    recovery_point: int | None  # as the checkpoint file has it; None if it says nothing of this log
    hole: str = ""
    cut_at: int | None = None

    @property
    def has_uncovered(self) -> bool:
        return self.log.log_end_offset > self.covered_end

    @property
    def correction(self) -> bytes | None:
        if self.cut_at is None:
            return None
        return encode_truncate(self.log.topic_id, self.log.partition, self.log.log_end_offset)

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
            self.covered_end = entry.offset
            self.hole = ""
            self.cut_at = None

    def _append(self, entry: LogEntry) -> None:
        log, records = self.log, entry.records
        expected = entry.offset
        for position, header in iterate_batches(records):
            if expected < 0:
                expected = header.base_offset
            if not self._goes_on_from(expected):
                break
            if header.base_offset < self.verified.start_offset < header.next_offset:
                # What is synced ends between two batches, so this one is of a history that was cut before.
                self.cut_at = log.log_end_offset
                break
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
            self.covered_end = max(self.covered_end, expected)
        log.write_out()

    def _goes_on_from(self, offset: int) -> bool:
        """Whether the journal's records from `offset` on belong to the log's present history."""
        if self.recovery_point is not None and offset > self.covered_end and self.cut_at is None:
            self.cut_at = self.log.log_end_offset
        return self.cut_at is None and not self.hole

    def _has(self, header: BatchHeader) -> bool:
        if header.base_offset < self.log.segments[0].base_offset:
            return True  # and gave it up since
        return header.next_offset <= self.log.log_end_offset and self.verified.holds(header)

    def _cut(self, offset: int) -> None:
        self.log.write_out()
        self.log.truncate_to(offset)
        self.verified.truncate_to(offset)
        self.covered_end = min(self.covered_end, self.log.log_end_offset)
        self.verified.start_offset = min(self.verified.start_offset, self.log.log_end_offset)

    def _truncate(self, offset: int) -> None:
        if offset <= self.log.log_end_offset:
            # Whatever is missing lies behind the cut: those records were dropped on purpose.
            self.hole = ""
            self.cut_at = None
            self._cut(offset)
            # The journal goes on from here, also where an earlier start made durable what it does not have.
            self.covered_end = self.log.log_end_offset

    def _move_start(self, offset: int) -> None:
        end_offset = self.log.log_end_offset
        if offset <= end_offset:
            truncation.advance_log_start(self.log, offset)
        elif self._goes_on_from(offset):
            self.hole = f"the log starts at {offset} but ends at {end_offset}"
        elif self.cut_at is not None:
            # Cut below its start: all that is left of it was deleted before.
            truncation.advance_log_start(self.log, end_offset)
