"""What becomes of one batch in a compaction: kept as it is, rebuilt with fewer records, kept empty, or dropped.

| record | kept |
|---|---|
| without a key | no: it could never be superseded |
| a later record has its key | no |
| a value | yes |
| a tombstone (null value) | until its batch's delete horizon: `delete.retention.ms` after the first compaction it met |
| of an aborted transaction | no |
| a marker | until its data is gone, and then until its delete horizon |

A batch without records is kept, empty, if it is the last of its producer (its sequence must stay known) or the last of
its new segment (segments must join, or a missing one could not be told). Base and last offset of a kept batch never
change, so offsets never do.
"""

from __future__ import annotations

from dataclasses import dataclass

from broker.log.cleaned_transactions import CleanedTransactions
from broker.log.offset_map import OffsetMap
from broker.log.validation import DECOMPRESSED_BYTES_MAX
from protocol.records import (
    BatchHeader,
    ControlType,
    Record,
    build_batch,
    empty_batch,
    read_control_type,
    read_records,
)


@dataclass(frozen=True, slots=True)
class CleaningRules:
    """What one compaction knows. `last_offsets`: producer id -> (epoch, last offset of its data or -1); `end_offset` of
    the new segment, exclusive."""

    offsets: OffsetMap
    now_ms: int
    delete_retention_ms: int
    last_offsets: dict[int, tuple[int, int]]
    end_offset: int


def clean_batch(
    batch: memoryview, header: BatchHeader, rules: CleaningRules, transactions: CleanedTransactions
) -> bytes | memoryview | None:
    """The batch as the cleaned segment gets it, None if not at all; `batch` itself where nothing changes."""
    if not header.record_count:
        # Emptied by an earlier compaction; still needed only for the same reasons.
        if header.is_control:
            transactions.is_marker_needless(header, ControlType.UNKNOWN)
        return batch if _must_stay(header, rules) else None
    if header.is_control:
        return _clean_marker(batch, header, rules, transactions)
    if transactions.is_aborted(header):
        return _without_records(header, rules)
    records = read_records(batch, 0, header, decompressed_bytes_max=DECOMPRESSED_BYTES_MAX)
    tombstones_stay = not header.has_delete_horizon or rules.now_ms < header.base_timestamp
    latest = rules.offsets.latest
    kept = [
        record
        for record in records
        if record.key is not None
        and record.offset >= latest(record.key)
        and (record.value is not None or tombstones_stay)
    ]
    if not kept:
        return _without_records(header, rules)
    horizon_ms = header.base_timestamp if header.has_delete_horizon else None
    if horizon_ms is None and any(record.value is None for record in kept):
        horizon_ms = rules.now_ms + rules.delete_retention_ms
    elif len(kept) == len(records):
        return batch
    return _rebuild(header, kept, horizon_ms)


def _clean_marker(
    batch: memoryview, header: BatchHeader, rules: CleaningRules, transactions: CleanedTransactions
) -> bytes | memoryview | None:
    if not transactions.is_marker_needless(header, read_control_type(batch, 0, header)):
        return batch
    if header.has_delete_horizon:
        return batch if rules.now_ms < header.base_timestamp else _without_records(header, rules)
    records = read_records(batch, 0, header, decompressed_bytes_max=DECOMPRESSED_BYTES_MAX)
    return _rebuild(header, records, rules.now_ms + rules.delete_retention_ms)


def _without_records(header: BatchHeader, rules: CleaningRules) -> bytes | None:
    return empty_batch(header) if _must_stay(header, rules) else None


def _must_stay(header: BatchHeader, rules: CleaningRules) -> bool:
    if header.next_offset >= rules.end_offset:
        return True
    if header.producer_id < 0:
        return False
    epoch, last_offset = rules.last_offsets.get(header.producer_id, (-1, -1))
    if last_offset >= 0:
        return header.last_offset == last_offset
    # Only markers are known of this epoch: the last of them says which epoch it is.
    return header.is_control and header.producer_epoch == epoch


def _rebuild(header: BatchHeader, records: list[Record], horizon_ms: int | None) -> bytes:
    return build_batch(
        records,
        base_offset=header.base_offset,
        last_offset=header.last_offset,
        partition_leader_epoch=header.partition_leader_epoch,
        compression=header.compression,
        log_append_time_ms=header.max_timestamp if header.is_log_append_time else None,
        delete_horizon_ms=horizon_ms,
        producer_id=header.producer_id,
        producer_epoch=header.producer_epoch,
        base_sequence=header.base_sequence,
        transactional=header.is_transactional,
        control=header.is_control,
    )
