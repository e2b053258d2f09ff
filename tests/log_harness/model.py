"""What one partition has promised: what its journal entries say, and what may be there beside them after a crash."""

from __future__ import annotations

from dataclasses import dataclass, field

from broker.log import PartitionLog
from log_harness.batches import records_of
from protocol.records import iterate_batches


@dataclass(frozen=True, slots=True)
class Row:
    """One record as the model knows it."""

    value: bytes
    leader_epoch: int


@dataclass(slots=True)
class Operation:
    """Something that was put into the journal under `sequence`: rows appended, or an offset the log was cut at."""

    sequence: int
    rows: dict[int, Row] = field(default_factory=dict)
    truncated_to: int | None = None
    restarted_at: int | None = None
    started_at: int | None = None


@dataclass(slots=True)
class PartitionModel:
    """`rows` and `end` as of the last start of the node; `operations` since then, in order."""

    topic: str
    topic_id: bytes
    rows: dict[int, Row] = field(default_factory=dict)
    start: int = 0
    end: int = 0
    operations: list[Operation] = field(default_factory=list)
    retained_from: int = 0  # retention may have moved the start this far; nobody was promised that

    def check(self, log: PartitionLog, durable_sequence: int) -> None:
        """The log after a restart whose journal came up to `durable_sequence`."""
        kept = [operation for operation in self.operations if operation.sequence <= durable_sequence]
        lost = [operation for operation in self.operations if operation.sequence > durable_sequence]
        for operation in kept:
            self._apply(operation)
        promised_end = self.end
        possible: dict[int, set[Row]] = {offset: {row} for offset, row in self.rows.items()}
        highest_start = max(self.start, self.retained_from)
        for operation in lost:
            # These left no journal entry: what they did may be there or not, what they cut is not promised any more.
            cut = operation.truncated_to if operation.restarted_at is None else min(0, operation.restarted_at)
            promised_end = promised_end if cut is None else min(promised_end, cut)
            highest_start = max(highest_start, operation.started_at or 0, operation.restarted_at or 0)
            for offset, row in operation.rows.items():
                possible.setdefault(offset, set()).add(row)
        lowest_start = self.start if promised_end >= self.start else 0
        found = read_rows(log)
        name = f"{log} ({self.start}..{self.end}, promised to {promised_end})"
        assert lowest_start <= log.log_start_offset <= highest_start, (
            f"{name} starts at {log.log_start_offset}, not within {lowest_start}..{highest_start}"
        )
        assert log.log_end_offset >= promised_end, f"{name} ends at {log.log_end_offset}: acknowledged records are gone"
        assert list(found) == list(range(log.log_start_offset, log.log_end_offset)), (
            f"{name} has holes or repetitions: {list(found)} in {log.log_start_offset}..{log.log_end_offset}"
        )
        for offset, row in found.items():
            if offset < promised_end:
                assert row == self.rows[offset], f"{name}: offset {offset} is {row}, not {self.rows[offset]}"
            else:
                assert row in possible.get(offset, set()), (
                    f"{name}: offset {offset} is {row}, which was never or is cut {possible.get(offset)} {lost}"
                )
            # A start that was moved, and moved back because the journal never heard of it, leaves no epochs before it.
            assert log.leader_epochs.epoch_of(offset) in (-1, row.leader_epoch), (
                f"{name}: offset {offset} has epoch {row.leader_epoch}, the cache says {log.leader_epochs.entries}"
            )
        self._restart(log, found)

    def _restart(self, log: PartitionLog, found: dict[int, Row]) -> None:
        self.rows, self.start, self.end = found, log.log_start_offset, log.log_end_offset
        self.retained_from = self.start
        self.operations = []

    def _apply(self, operation: Operation) -> None:
        if operation.restarted_at is not None:
            self.rows, self.start, self.end = {}, operation.restarted_at, operation.restarted_at
        elif operation.truncated_to is not None:
            self.rows = {offset: row for offset, row in self.rows.items() if offset < operation.truncated_to}
            self.end = min(self.end, operation.truncated_to)
            self.start = min(self.start, self.end)
        elif operation.started_at is not None:
            self.start = operation.started_at
        for offset, row in operation.rows.items():
            self.rows[offset] = row
            self.end = offset + 1


def read_rows(log: PartitionLog, *, max_bytes: int = 700) -> dict[int, Row]:
    """Everything in the log, by offset, through `read`."""
    rows: dict[int, Row] = {}
    offset = log.log_start_offset
    while offset < log.log_end_offset:
        result = log.read(offset, max_bytes=max_bytes, max_offset=log.log_end_offset)
        assert result.end_offset > offset, f"nothing at {offset} of {log}, which ends at {log.log_end_offset}"
        epochs = {
            header.base_offset + delta: header.partition_leader_epoch
            for _, header in iterate_batches(result.records)
            for delta in range(header.last_offset_delta + 1)
        }
        for record in records_of(result.records):
            if record.offset >= offset:
                assert record.offset not in rows, f"{log} has offset {record.offset} twice"
                rows[record.offset] = Row(record.value or b"", epochs[record.offset])
        offset = result.end_offset
    return rows
