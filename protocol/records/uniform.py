"""Runs of records that are laid out alike, checked by the column instead of by the record.

Benchmarks, sensors and counters send records of one size. Where records have the same size, everything in
them but keys, values and timestamps is either the same byte in each (lengths, header count) or known (offset
deltas), and byte j of all of them is one strided slice. Comparing eight slices of 4,000 bytes takes 0.2 ms
where walking 4,000 records takes 2.7 ms. Whatever is not alike is left to the walk, which also finds what is
wrong: a run never refuses, it only ends.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from protocol.records.varint import FIRST_BYTES, LAST_BYTES, TWO_BYTES_FROM, VARINTS_KNOWN
from protocol.records.walk import RecordLayout, walk_record

# Records from which a run is worth looking for, and the fewest it may have.
RUN_MIN = 16

_ONE_BYTE = bytes(range(128))
_LONGER = bytes(range(128, 256))


class UniformRun(NamedTuple):
    record_count: int
    end: int  # position after the last one
    low: int  # lowest and highest timestamp delta
    high: int
    null_key_count: int


def uniform_run(data: bytes, position: int, index: int, count: int) -> UniformRun | None:
    """The records from `index` (at `position`) on that have the layout of the first, or None if they are few.

    INVALID_RECORD or IndexError only if the first one is malformed."""
    if index >= VARINTS_KNOWN:
        return None
    layout = walk_record(data, position, index)
    stride = layout.end - position
    stop = TWO_BYTES_FROM if index < TWO_BYTES_FROM else VARINTS_KNOWN
    length = min(min(stop, count) - index, (len(data) - position) // stride)
    # Sixteen bytes tell most other batches apart before a whole column is gathered.
    probe = data[position : position + RUN_MIN * stride : stride]
    if length < RUN_MIN or probe != probe[:1] * RUN_MIN or data[layout.headers_at]:
        return None
    length = _alike(data, position, stride, length, layout)
    if length < RUN_MIN or not _offsets_ascend(data, stride, length, index, layout):
        return None
    end = position + length * stride
    deltas = _timestamp_deltas(data, end, stride, layout)
    return UniformRun(length, end, min(deltas), max(deltas), length if layout.key_is_null else 0)


def _alike(data: bytes, position: int, stride: int, length: int, layout: RecordLayout) -> int:
    """How many records from `position` on have the first one's lengths and as wide a timestamp."""
    lengths = (
        *range(position, layout.attributes_at),
        *range(layout.key_length_at, layout.key_at),
        *range(layout.value_length_at, layout.value_at),
        layout.headers_at,
    )
    for at in lengths:
        length = _leading(data, at, stride, length, data[at : at + 1])
    last = layout.offset_at - 1
    for at in range(layout.attributes_at + 1, last):
        length = _leading(data, at, stride, length, _LONGER)
    return _leading(data, last, stride, length, _ONE_BYTE)


def _leading(data: bytes, at: int, stride: int, length: int, accepted: bytes) -> int:
    """How many bytes of the column that starts at `at` are `accepted` before one is not."""
    column = data[at : at + length * stride : stride]
    return len(column) - len(column.lstrip(accepted))


def _offsets_ascend(data: bytes, stride: int, length: int, index: int, layout: RecordLayout) -> bool:
    at = layout.offset_at
    end = at + length * stride
    if layout.key_length_at - at != (1 if index < TWO_BYTES_FROM else 2):
        return False  # padded
    if data[at:end:stride] != FIRST_BYTES[index : index + length]:
        return False
    return index < TWO_BYTES_FROM or data[at + 1 : end : stride] == LAST_BYTES[index : index + length]


def _timestamp_deltas(data: bytes, end: int, stride: int, layout: RecordLayout) -> set[int]:
    """The timestamp deltas in the run; records of one batch share few."""
    columns = [data[at:end:stride] for at in range(layout.attributes_at + 1, layout.offset_at)]
    # A set of bytes is built four times as fast as one of tuples.
    distinct: Iterable[tuple[int, ...]]
    if len(columns) == 1:
        distinct = [(byte,) for byte in set(columns[0])]
    else:
        distinct = set(zip(*columns, strict=True))
    deltas = set()
    for column_bytes in distinct:
        zigzag = 0
        for shift, byte in enumerate(column_bytes):
            zigzag |= (byte & 127) << 7 * shift
        zigzag &= 0xFFFF_FFFF_FFFF_FFFF
        deltas.add((zigzag >> 1) ^ -(zigzag & 1))
    return deltas
