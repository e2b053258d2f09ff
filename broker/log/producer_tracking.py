"""Appends and the producers' state: what a log asks of `producer_state` for each batch that carries a producer id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from broker.log.disk import Buffer
from broker.log.producer_state import ProducedBatch
from protocol.records import CONTROL_BIT, BatchHeader, ControlType, HeaderFields, read_end_transaction_marker

if TYPE_CHECKING:
    from broker.log.partition_log import PartitionLog


def check(log: PartitionLog, batch: Buffer, header: BatchHeader) -> ProducedBatch | None:
    """The earlier batch if this one is a duplicate. Raises KafkaError as producer_state.py says."""
    if header[5] & CONTROL_BIT:
        marker = read_end_transaction_marker(batch, 0, header)
        log.producer_states.check_marker(header, marker.coordinator_epoch)
        return None
    return log.producer_states.check(header)


def update(log: PartitionLog, batch: Buffer, header: HeaderFields, base_offset: int) -> None:
    """The batch was appended, or found by recovery, in the active segment."""
    states = log.producer_states
    if not states.entries:
        log.snapshots.empty_until = base_offset
    if not header[5] & CONTROL_BIT:
        states.update(header, base_offset)
        return
    marker_header = BatchHeader._make(header)
    marker = read_end_transaction_marker(batch, 0, marker_header)
    aborted = marker.control_type is ControlType.ABORT
    completed = states.end_transaction(marker_header, base_offset, marker.coordinator_epoch, aborted=aborted)
    if completed is not None and completed.aborted:
        log.active.transaction_index.append(states.aborted_entry(completed))
        log.dirty.files[log.active.transaction_index.path] = None
