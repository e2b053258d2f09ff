"""Control batches: one record, written by brokers only, that is a mark and not data.

key     0  2  version (0)
        2  2  type (ControlType)
value of ABORT and COMMIT
        0  2  version (0)
        2  4  coordinator epoch
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct, error
from typing import NamedTuple

from protocol.records.batch import BatchHeader
from protocol.records.build import build_batch
from protocol.records.compression import Buffer
from protocol.records.record import Record, read_records
from protocol.records.varint import invalid_record

_KEY = Struct(">hh")
_END_TRANSACTION = Struct(">hi")
# A control record has a few dozen bytes, voter sets a few hundred; nobody may make one unpack to more.
_CONTROL_BYTES_MAX = 1024 * 1024


class ControlType(IntEnum):
    UNKNOWN = -1
    ABORT = 0
    COMMIT = 1
    LEADER_CHANGE = 2
    SNAPSHOT_HEADER = 3
    SNAPSHOT_FOOTER = 4
    KRAFT_VERSION = 5
    KRAFT_VOTERS = 6


class EndTransactionMarker(NamedTuple):
    control_type: ControlType  # ABORT or COMMIT
    coordinator_epoch: int


def end_transaction_marker(
    control_type: ControlType,
    *,
    producer_id: int,
    producer_epoch: int,
    coordinator_epoch: int,
    timestamp_ms: int,
    base_offset: int = 0,
    partition_leader_epoch: int = -1,
) -> bytes:
    """The batch that ends a transaction on one partition; it takes one offset."""
    assert control_type in (ControlType.ABORT, ControlType.COMMIT), control_type
    record = Record(base_offset, timestamp_ms, _KEY.pack(0, control_type), _END_TRANSACTION.pack(0, coordinator_epoch))
    return build_batch(
        [record],
        base_offset=base_offset,
        partition_leader_epoch=partition_leader_epoch,
        producer_id=producer_id,
        producer_epoch=producer_epoch,
        transactional=True,
        control=True,
    )


def read_control_type(buf: Buffer, position: int, header: BatchHeader) -> ControlType:
    """What the control batch at `position` marks; UNKNOWN for types this version does not know, as in Kafka.

    INVALID_RECORD if it is malformed."""
    return _control_type(_control_record(buf, position, header))


def read_end_transaction_marker(buf: Buffer, position: int, header: BatchHeader) -> EndTransactionMarker:
    """INVALID_RECORD if the control batch at `position` is malformed or marks something else."""
    record = _control_record(buf, position, header)
    control_type = _control_type(record)
    if control_type not in (ControlType.ABORT, ControlType.COMMIT):
        raise invalid_record(f"a control record {control_type.name} ends no transaction")
    try:
        version, coordinator_epoch = _END_TRANSACTION.unpack_from(record.value or b"")
    except error:
        raise invalid_record("an end-transaction marker is cut short") from None
    if version < 0:
        raise invalid_record(f"an end-transaction marker has version {version}")
    return EndTransactionMarker(control_type, coordinator_epoch)


def _control_record(buf: Buffer, position: int, header: BatchHeader) -> Record:
    if not header.is_control or header.record_count != 1:
        raise invalid_record(f"a batch of {header.record_count} records is no control batch")
    return read_records(buf, position, header, decompressed_bytes_max=_CONTROL_BYTES_MAX)[0]


def _control_type(record: Record) -> ControlType:
    try:
        version, number = _KEY.unpack_from(record.key or b"")
    except error:
        raise invalid_record("the key of a control record is cut short") from None
    if version < 0:
        raise invalid_record(f"a control record has version {version}")
    return ControlType(number) if 0 <= number <= ControlType.KRAFT_VOTERS else ControlType.UNKNOWN
