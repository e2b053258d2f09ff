"""Batches for tests, as producers send them, and what is in those that come back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from protocol.records import Record, build_batch, iterate_batches, read_records

NOW_MS = 1_700_000_000_000


def batch(*values: bytes, timestamp: int = NOW_MS, **fields: Any) -> bytes:
    """One batch of records without keys."""
    return keyed_batch([(None, value) for value in values], timestamp=timestamp, **fields)


def keyed_batch(
    pairs: Sequence[tuple[bytes | None, bytes | None]], *, timestamp: int = NOW_MS, base_offset: int = 0, **fields: Any
) -> bytes:
    records = [Record(base_offset + index, timestamp, key, value) for index, (key, value) in enumerate(pairs)]
    return build_batch(records, base_offset=base_offset, **fields)


def records_of(data: bytes | memoryview) -> list[Record]:
    """Every record of whole batches, control records too."""
    found: list[Record] = []
    for position, header in iterate_batches(data):
        if header.record_count:
            found += read_records(data, position, header, decompressed_bytes_max=1 << 24)
    return found
