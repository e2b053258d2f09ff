"""Batches of a leader's log appended to a follower's, verbatim."""

from __future__ import annotations

from typing import TYPE_CHECKING

from broker.log import producer_tracking, rolling
from broker.log.disk import Buffer
from broker.log.results import AppendResult
from protocol.errors import ErrorCode, KafkaError
from protocol.records import iterate_checked_batches

if TYPE_CHECKING:
    from broker.log.partition_log import PartitionLog

UNKNOWN_TIMESTAMP = -1


def append(log: PartitionLog, records: Buffer) -> AppendResult:
    """Hot: once per replicated batch, over plain tuple fields. Batches that follow each other are collected as one
    buffer: a slice for each cost a third of the follower's time."""
    view, first_offset, count, max_timestamp = memoryview(records), -1, 0, UNKNOWN_TIMESTAMP
    epochs, batches = log.leader_epochs, log.pending_batches
    latest_epoch = epochs.latest
    position = run_start = 0
    try:
        for position, header in iterate_checked_batches(view):
            base_offset, size, timestamp = header[0], header[1] + 12, header[8]
            if base_offset < log.log_end_offset:
                raise _goes_back(log, base_offset)
            last_offset = base_offset + header[6]
            if size > log.room_bytes or timestamp > log.roll_timestamp or last_offset > log.last_offset_max:
                _collect(log, view[run_start:position])
                run_start = position
                rolling.make_room(log, size, last_offset, timestamp)
            if header[2] > latest_epoch:
                epochs.assign(header[2], base_offset)
                latest_epoch = header[2]
            batches.append((last_offset, size, timestamp))
            log.room_bytes -= size
            log.log_end_offset = last_offset + 1
            if header[9] >= 0:
                producer_tracking.update(log, view[position : position + size], header, base_offset)
            if first_offset < 0:
                first_offset = base_offset
            count += header[12]
            if timestamp > max_timestamp:
                max_timestamp = timestamp
            position += size
    finally:
        _collect(log, view[run_start:position])
    return AppendResult(first_offset, log.log_end_offset - 1, count, -1, log.log_start_offset, False, max_timestamp)


def _collect(log: PartitionLog, batches: memoryview) -> None:
    if batches:
        log.pending.append(batches)


def _goes_back(log: PartitionLog, base_offset: int) -> KafkaError:
    return KafkaError(
        ErrorCode.CORRUPT_MESSAGE, f"{log}: the leader sent offset {base_offset}, the log ends at {log.log_end_offset}"
    )
