"""What the log of a partition answers: the small values that cross its door."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from protocol.errors import ErrorCode, KafkaError

if TYPE_CHECKING:
    from broker.log.stored_slice import StoredSlice


class AppendOrigin(IntEnum):
    """Who wrote the records, which decides how far they are trusted."""

    CLIENT = 0
    COORDINATOR = 1  # a group or transaction coordinator of this cluster: may write control batches


class InvalidRecords(KafkaError):
    """A refused batch, with what is wrong with which of its records: (index in the batch, sentence)."""

    def __init__(self, code: ErrorCode, message: str, record_errors: list[tuple[int, str]]) -> None:
        super().__init__(code, message)
        self.record_errors = record_errors


@dataclass(slots=True)
class AppendResult:
    """Offsets are those of the first and the last record. `log_append_time_ms` is -1 for CreateTime."""

    base_offset: int
    last_offset: int
    record_count: int
    log_append_time_ms: int
    log_start_offset: int
    is_duplicate: bool
    max_timestamp: int


@dataclass(slots=True)
class ReadResult:
    """Whole batches as they lie in the segment. `end_offset` is exclusive: where the next read goes on.

    Where they are `stored`, they have not been read, and `records` is empty."""

    records: bytes | memoryview
    end_offset: int
    stored: StoredSlice | None = None


@dataclass(slots=True)
class TimestampOffset:
    offset: int
    timestamp: int
    leader_epoch: int


@dataclass(slots=True)
class ActiveProducer:
    """One producer as DescribeProducers shows it; -1 for what is not known or not open."""

    producer_id: int
    producer_epoch: int
    last_sequence: int
    last_timestamp_ms: int
    coordinator_epoch: int
    current_transaction_first_offset: int
