"""Properties of a frame: what is taken from the queue comes back, and no damage goes unnoticed."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wal.entry_format import (
    FRAME_HEADER_BYTES,
    SECTOR_BYTES,
    Frame,
    Gathered,
    entries_of,
    frame_is_intact,
    parse_frame_header,
    take_frame,
)

payload_parts = st.lists(st.binary(max_size=300), max_size=4)
gathered_entries = st.lists(st.tuples(st.integers(0, 255), payload_parts), min_size=1, max_size=20)
sequences = st.integers(1, (1 << 63) - 100)


def frame_of(entries: list[tuple[int, list[bytes]]], first_sequence: int = 1) -> Frame:
    return take_frame(queue_of(entries), first_sequence, bytes_max=1 << 30, entries_max=1 << 30)


def queue_of(entries: list[tuple[int, list[bytes]]]) -> deque[Gathered]:
    return deque((kind, list(parts)) for kind, parts in entries)


@given(gathered_entries, sequences)
def test_entries_come_back_from_a_frame(entries: list[tuple[int, list[bytes]]], first_sequence: int) -> None:
    frame = frame_of(entries, first_sequence)
    data = b"".join(frame.buffers)

    header = parse_frame_header(data)
    assert header is not None
    assert frame_is_intact(header, data)
    found = [(entry.sequence, entry.kind, bytes(entry.payload)) for entry in entries_of(header, data)]
    assert found == [(first_sequence + place, kind, b"".join(parts)) for place, (kind, parts) in enumerate(entries)]
    assert frame.size_bytes == len(data)
    assert frame.size_bytes % SECTOR_BYTES == 0


@given(gathered_entries, st.data())
def test_a_flipped_bit_is_noticed(entries: list[tuple[int, list[bytes]]], data: st.DataObject) -> None:
    written = b"".join(frame_of(entries).buffers)
    original = parse_frame_header(written)
    assert original is not None
    bit = data.draw(st.integers(0, original.length * 8 - 1))
    damaged = bytearray(written)
    damaged[bit // 8] ^= 1 << bit % 8

    header = parse_frame_header(damaged)

    assert header is None or not frame_is_intact(header, damaged)


@given(gathered_entries, st.data())
def test_a_frame_cut_short_is_noticed(entries: list[tuple[int, list[bytes]]], data: st.DataObject) -> None:
    written = b"".join(frame_of(entries).buffers)
    original = parse_frame_header(written)
    assert original is not None
    cut = written[: data.draw(st.integers(0, original.length - 1))]

    header = parse_frame_header(cut)

    assert header is None or not frame_is_intact(header, cut)


@given(st.binary(max_size=600))
def test_any_bytes_are_parsed_or_refused(data: bytes) -> None:
    header = parse_frame_header(data)
    assert header is None or not frame_is_intact(header, data)


@given(gathered_entries, st.integers(1, 3000), st.integers(1, 20))
def test_a_frame_ends_at_the_entry_that_reaches_a_limit(
    entries: list[tuple[int, list[bytes]]], bytes_max: int, entries_max: int
) -> None:
    queue = queue_of(entries)
    taken = []
    first_sequence = 1
    while queue:
        frame = take_frame(queue, first_sequence, bytes_max=bytes_max, entries_max=entries_max)
        assert 1 <= frame.entry_count <= entries_max
        largest = max(sum(map(len, parts)) for _, parts in entries)
        assert frame.size_bytes < FRAME_HEADER_BYTES + bytes_max + largest + 5 + SECTOR_BYTES
        data = b"".join(frame.buffers)
        header = parse_frame_header(data)
        assert header is not None
        taken += [(entry.kind, bytes(entry.payload)) for entry in entries_of(header, data)]
        first_sequence += frame.entry_count
    assert taken == [(kind, b"".join(parts)) for kind, parts in entries]


@pytest.mark.parametrize("part_bytes", [1, 4096, 300_000, 2_000_000])
def test_large_parts_are_not_copied_and_give_the_same_bytes(part_bytes: int) -> None:
    parts = [bytes([place]) * part_bytes for place in range(3)]
    frame = frame_of([(7, parts), (8, [])])

    data = b"".join(frame.buffers)
    header = parse_frame_header(data)
    assert header is not None
    assert frame_is_intact(header, data)
    assert [bytes(entry.payload) for entry in entries_of(header, data)] == [b"".join(parts), b""]
    if part_bytes > 200_000:
        assert any(buffer is parts[0] for buffer in frame.buffers)
