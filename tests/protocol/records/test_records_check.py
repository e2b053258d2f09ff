"""The structural check accepts what a producer may send, and refuses the rest as INVALID_RECORD."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import ErrorCode, KafkaError
from protocol.records import (
    BatchHeader,
    Compression,
    Record,
    build_batch,
    check_records,
    null_key_indexes,
    read_batch_header,
    read_records,
)
from protocol.records.batch import assemble
from protocol.records.record import INT64_MAX, INT64_MIN
from protocol.records.walk import walk_record

BYTES_MAX = 1 << 26

header_pairs = st.lists(
    st.tuples(st.text(max_size=70), st.none() | st.binary(max_size=140)),
    max_size=3,
)
sizes = st.sampled_from([0, 1, 62, 63, 64, 65, 127, 128, 129, 8180, 8191, 8192, 8200])
content = st.none() | st.binary(max_size=80) | sizes.map(lambda size: b"c" * size)
timestamps = st.integers(0, 2**42) | st.sampled_from([-1, 0, 2**62])


@st.composite
def produced(draw: st.DrawFn) -> list[Record]:
    """Records as a producer numbers them; runs of equal ones, so that the column check has its say."""
    rows: list[Record] = []
    base = draw(st.integers(0, 2**41))
    for _ in range(draw(st.integers(1, 6))):
        key, value = draw(content), draw(content)
        headers = draw(header_pairs)
        step = draw(st.sampled_from([0, 1, 63, 64, -1, 9000]))
        for repeat in range(draw(st.sampled_from([1, 1, 2, 17, 40, 90]))):
            rows.append(Record(len(rows), base + step * repeat, key, value, headers))
    return rows


def refused() -> pytest.RaisesExc[KafkaError]:
    return pytest.RaisesExc(KafkaError, check=lambda error: error.code is ErrorCode.INVALID_RECORD)


def check(batch: bytes, header: BatchHeader | None = None) -> tuple[int, int, int, int, int]:
    return check_records(batch, 0, header or read_batch_header(batch), decompressed_bytes_max=BYTES_MAX)


def with_block(block: bytes, count: int = 1) -> bytes:
    """A batch whose header is right about everything but what is in `block`."""
    header = read_batch_header(build_batch([Record(0, 1000, None, None)]))
    return assemble(header._replace(record_count=count, last_offset_delta=count - 1), block)


def outcome_of_the_slow_walk(data: bytes, count: int) -> tuple[int, int, int, int] | None:
    """What walking every record number by number finds, or None where it refuses."""
    at, deltas, null_keys = 0, [], 0
    try:
        for index in range(count):
            layout = walk_record(data, at, index)
            deltas.append(layout.timestamp_delta)
            null_keys += layout.key_is_null
            at = layout.end
    except (KafkaError, IndexError):
        return None
    return (min(deltas), max(deltas), null_keys, at) if at == len(data) else None


@given(rows=produced(), compression=st.sampled_from(Compression))
def test_what_is_built_is_accepted_and_summed_up(rows: list[Record], compression: Compression) -> None:
    batch = build_batch(rows, compression=compression)
    stamps = [row.timestamp for row in rows]

    count, low, high, null_keys, _ = check(batch)

    assert (count, low, high) == (len(rows), min(stamps), max(stamps))
    assert null_keys == sum(row.key is None for row in rows)
    header = read_batch_header(batch)
    assert null_key_indexes(batch, 0, header, decompressed_bytes_max=BYTES_MAX) == [
        index for index, row in enumerate(rows) if row.key is None
    ]
    assert read_records(batch, 0, header, decompressed_bytes_max=BYTES_MAX) == rows


@given(
    rows=produced(),
    damage=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=3),
)
def test_the_fast_walks_find_exactly_what_the_slow_one_finds(
    rows: list[Record], damage: list[tuple[float, int]]
) -> None:
    block = bytearray(build_batch(rows)[61:])
    for place, byte in damage:
        block[int(place * len(block))] = byte
    batch = with_block(bytes(block), len(rows))
    expected = outcome_of_the_slow_walk(bytes(block), len(rows))

    if expected is None or not INT64_MIN <= 1000 + expected[0] <= 1000 + expected[1] <= INT64_MAX:
        with refused():
            check(batch)
    else:
        low, high, null_keys, size = expected
        assert check(batch) == (len(rows), 1000 + low, 1000 + high, null_keys, size)


@pytest.mark.parametrize("count", [63, 64, 65, 8191, 8192, 8193, 20_000])
@pytest.mark.parametrize("value_sizes", [(3,), (3, 4)], ids=["uniform", "mixed"])
def test_offset_deltas_of_every_width_are_followed(count: int, value_sizes: tuple[int, ...]) -> None:
    rows = [
        Record(index, 1000 + index // 100, None, b"v" * value_sizes[index % len(value_sizes)]) for index in range(count)
    ]

    batch = build_batch(rows)

    assert check(batch)[:4] == (count, 1000, 1000 + (count - 1) // 100, count)
    # One wrong offset in the last record: its first byte is at a known place from the end.
    damaged = bytearray(batch)
    width = 1 if count <= 64 else 2 if count <= 8192 else 3
    damaged[-len(rows[-1].value or b"") - 3 - width] ^= 2
    with refused():
        check(bytes(damaged))


def test_a_damaged_record_inside_a_uniform_run_is_found() -> None:
    rows = [Record(index, 1000, b"key", b"v" * 20) for index in range(200)]
    block = build_batch(rows)[61:]
    for position in range(len(block)):
        damaged = block[:position] + bytes([block[position] ^ 1]) + block[position + 1 :]
        expected = outcome_of_the_slow_walk(damaged, 200)
        if expected is None:
            with refused():
                check(with_block(damaged, 200))
        else:
            assert check(with_block(damaged, 200))[2] == 1000 + expected[1]


def test_long_records_are_checked_where_they_lie() -> None:
    rows = [Record(0, 1000, b"k", b"v" * 40_000), Record(1, 1007, None, b"w" * 2_000_000, [("h", None)])]
    batch = build_batch(rows)
    checked = check_records(memoryview(b"in front" + batch), 8, read_batch_header(batch), decompressed_bytes_max=0)
    assert checked == (2, 1000, 1007, 1, len(batch) - 61)


@pytest.mark.parametrize(("cut", "behind"), [(1, b""), (1_000_000, b""), (0, b"x")])
def test_a_block_of_long_records_cut_or_followed_by_anything_is_refused(cut: int, behind: bytes) -> None:
    block = build_batch([Record(0, 1000, None, b"v" * 2_000_000)])[61:]
    with refused():
        check(with_block(block[: len(block) - cut] + behind))


def test_a_block_cut_anywhere_or_followed_by_anything_is_refused() -> None:
    rows = [Record(index, 1000, b"k", b"v" * index, [("h", b"x")] * (index % 3)) for index in range(20)]
    block = build_batch(rows)[61:]

    for size in range(len(block)):
        with refused():
            check(with_block(block[:size], 20))
    with refused():
        check(with_block(block + b"\0", 20))


MALFORMED = {
    "negative record size": b"\x01",
    "record size beyond the batch": b"\x0e\x00\x00\x00\x01\x01\x00",
    "record shorter than its fields": b"\x0a\x00\x00\x00\x01\x01\x00",
    "offset delta 1 where 0 is due": b"\x0c\x00\x00\x02\x01\x01\x00",
    "key size -2": b"\x0c\x00\x00\x00\x03\x01\x00",
    "value size -2": b"\x0c\x00\x00\x00\x01\x03\x00",
    "key beyond the record": b"\x0c\x00\x00\x00\x7e\x01\x00",
    "value beyond the record": b"\x0c\x00\x00\x00\x01\x7e\x00",
    "header count -1": b"\x0c\x00\x00\x00\x01\x01\x01",
    "header count beyond the record": b"\x0c\x00\x00\x00\x01\x01\x7e",
    "header without a key": b"\x10\x00\x00\x00\x01\x01\x02\x01\x01",
    "header key beyond the record": b"\x10\x00\x00\x00\x01\x01\x02\x7e\x01",
    "header value beyond the record": b"\x10\x00\x00\x00\x01\x01\x02\x00\x7e",
    "header value size -2": b"\x10\x00\x00\x00\x01\x01\x02\x00\x03",
    "varint of six bytes": b"\x80\x80\x80\x80\x80\x00",
    "varlong of eleven bytes": b"\x20\x00" + b"\x80" * 10 + b"\x00\x00\x01\x01\x00",
    "offset delta of six bytes": b"\x16\x00\x00" + b"\x80" * 5 + b"\x00\x01\x01\x00",
    "two billion headers": b"\x14\x00\x00\x00\x01\x01\xfe\xff\xff\xff\x0f",
}


@pytest.mark.parametrize("block", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_record_is_refused_by_check_and_by_read(block: bytes) -> None:
    batch = with_block(block)

    with refused():
        check(batch)
    with refused():
        read_records(batch, 0, read_batch_header(batch), decompressed_bytes_max=BYTES_MAX)


def test_the_well_formed_twin_of_the_malformed_ones_is_accepted() -> None:
    assert check(with_block(b"\x0c\x00\x00\x00\x01\x01\x00")) == (1, 1000, 1000, 1, 7)


def test_padded_varints_are_read_as_kafka_reads_them() -> None:
    padded = b"\x96\x00\x00\x80\x00\x80\x00\x81\x00\x81\x00\x80\x00"
    size = (len(padded) - 2) * 2
    padded = bytes([size | 128, 0]) + padded[2:]

    assert check(with_block(padded)) == (1, 1000, 1000, 1, len(padded))


@pytest.mark.parametrize(("count", "last_offset_delta"), [(0, -1), (-1, -2), (2, 2), (2, 0), (2**31 - 1, 0)])
def test_a_count_that_does_not_fit_the_offsets_is_refused(count: int, last_offset_delta: int) -> None:
    batch = build_batch([Record(0, 1, None, b"a"), Record(1, 1, None, b"b")])
    header = read_batch_header(batch)._replace(record_count=count, last_offset_delta=last_offset_delta)

    with refused():
        check(batch, header)


def test_a_count_of_two_billion_reserves_nothing_and_is_refused() -> None:
    batch = build_batch([Record(0, 1, None, b"a")])
    header = read_batch_header(batch)._replace(record_count=2**31 - 1, last_offset_delta=2**31 - 2)

    with refused():
        check(batch, header)
    with refused():
        read_records(batch, 0, header, decompressed_bytes_max=BYTES_MAX)


def test_gaps_are_for_compaction_and_not_for_producers() -> None:
    batch = build_batch([Record(0, 1, None, b"a"), Record(2, 1, None, b"b")])

    with refused():
        check(batch)
    with refused():
        check(batch, read_batch_header(batch)._replace(last_offset_delta=1))


def test_records_out_of_order_are_not_read() -> None:
    one = build_batch([Record(0, 1, None, b"a")])[61:]
    header = read_batch_header(build_batch([Record(0, 1, None, b"a"), Record(1, 1, None, b"a")]))
    batch = assemble(header, one + one)

    with refused():
        read_records(batch, 0, read_batch_header(batch), decompressed_bytes_max=BYTES_MAX)


@pytest.mark.parametrize("base_timestamp", [INT64_MAX, INT64_MIN])
def test_timestamps_beyond_64_bits_are_refused(base_timestamp: int) -> None:
    delta = 5 if base_timestamp > 0 else -5
    batch = build_batch([Record(0, 0, None, b"a"), Record(1, delta, None, b"b")])
    header = read_batch_header(batch)._replace(base_timestamp=base_timestamp)

    with refused():
        check(batch, header)
    with refused():
        read_records(batch, 0, header, decompressed_bytes_max=BYTES_MAX)


def test_header_keys_that_are_not_utf8_survive_a_round_trip() -> None:
    block = b"\x12\x00\x00\x00\x01\x01\x02\x02\xff\x00"
    batch = with_block(block)
    (record,) = read_records(batch, 0, read_batch_header(batch), decompressed_bytes_max=BYTES_MAX)

    assert build_batch([record])[61:] == block
