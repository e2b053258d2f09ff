"""The bytes of a batch v2, written out by hand, and what a broker changes about them."""

from __future__ import annotations

import pytest
from crc32c import crc32c

from protocol.errors import ErrorCode, KafkaError
from protocol.records import (
    RECORD_BATCH_HEADER_SIZE,
    Compression,
    Record,
    build_batch,
    check_records,
    empty_batch,
    iterate_batches,
    iterate_checked_batches,
    peek_batch_header,
    read_batch_header,
    read_records,
    recompress,
    restamp_log_append_time,
    stamp,
    stamp_prefix,
    verify_crc,
)

BYTES_MAX = 1 << 20

CHECKED = (
    b"\x00\x10"  # attributes: transactional, no codec
    b"\x00\x00\x00\x01"  # last offset delta
    b"\x00\x00\x01\x8b\xcf\xe5\x68\x00"  # base timestamp 1700000000000
    b"\x00\x00\x01\x8b\xcf\xe5\x68\x40"  # max timestamp, 64 ms later
    b"\x00\x00\x00\x00\x00\x00\x03\xe8"  # producer id 1000
    b"\x00\x05"  # producer epoch
    b"\x00\x00\x00\x07"  # base sequence
    b"\x00\x00\x00\x02"  # record count
    # record 0: 10 bytes, delta 0 ms, offset 0, key "k", value null, one header "h" = null
    b"\x14\x00\x00\x00\x02k\x01\x02\x02h\x01"
    # record 1: 9 bytes, delta 64 ms (two bytes), offset 1, key null, value "vv", no headers
    b"\x12\x00\x80\x01\x02\x01\x04vv\x00"
)
GOLDEN = (
    b"\x00\x00\x00\x00\x00\x00\x00\x2a"  # base offset 42
    + (len(CHECKED) + 9).to_bytes(4, "big")  # batch length
    + b"\x00\x00\x00\x03"  # partition leader epoch
    + b"\x02"  # magic
    + crc32c(CHECKED).to_bytes(4, "big")
    + CHECKED
)
RECORDS = [
    Record(42, 1_700_000_000_000, b"k", None, [("h", None)]),
    Record(43, 1_700_000_000_064, None, b"vv"),
]


def refused(code: ErrorCode) -> pytest.RaisesExc[KafkaError]:
    return pytest.RaisesExc(KafkaError, check=lambda error: error.code is code)


def test_a_header_is_read_from_its_61_bytes() -> None:
    header = read_batch_header(memoryview(GOLDEN))

    assert len(GOLDEN) - len(CHECKED) == 21
    assert header == (
        42, len(GOLDEN) - 12, 3, 2, crc32c(CHECKED), 0x10, 1, 1_700_000_000_000, 1_700_000_000_064, 1000, 5, 7, 2,
    )  # fmt: skip
    assert (header.size_bytes, header.last_offset, header.next_offset) == (len(GOLDEN), 43, 44)
    assert header.compression is Compression.NONE
    assert header.is_transactional and header.has_producer_id
    assert not (header.is_control or header.is_log_append_time or header.has_delete_horizon)
    assert header.last_sequence == 8


def test_records_are_read_as_the_bytes_say() -> None:
    header = read_batch_header(GOLDEN)

    verify_crc(GOLDEN, 0, header)

    assert read_records(GOLDEN, 0, header, decompressed_bytes_max=BYTES_MAX) == RECORDS
    checked = check_records(GOLDEN, 0, header, decompressed_bytes_max=BYTES_MAX)
    assert checked == (2, 1_700_000_000_000, 1_700_000_000_064, 1, 21)


def test_records_are_built_into_the_same_bytes() -> None:
    built = build_batch(
        RECORDS,
        base_offset=42,
        partition_leader_epoch=3,
        producer_id=1000,
        producer_epoch=5,
        base_sequence=7,
        transactional=True,
    )

    assert built == GOLDEN


def test_a_stamp_changes_the_base_offset_and_the_leader_epoch_alone() -> None:
    stamped = stamp(memoryview(GOLDEN), 2**40, 77)
    header = read_batch_header(stamped)

    verify_crc(stamped, 0, header)

    assert (header.base_offset, header.partition_leader_epoch) == (2**40, 77)
    assert stamped[8:12] == GOLDEN[8:12]
    assert stamped[16:] == GOLDEN[16:]
    assert stamp_prefix(read_batch_header(GOLDEN), 2**40, 77) == stamped[:16]


def test_log_append_time_replaces_every_timestamp_without_touching_a_record() -> None:
    restamped = restamp_log_append_time(GOLDEN, 1_800_000_000_000)
    header = read_batch_header(restamped)

    verify_crc(restamped, 0, header)

    assert header.is_log_append_time and header.is_transactional
    assert restamped[RECORD_BATCH_HEADER_SIZE:] == GOLDEN[RECORD_BATCH_HEADER_SIZE:]
    records = read_records(restamped, 0, header, decompressed_bytes_max=BYTES_MAX)
    assert [record.timestamp for record in records] == [1_800_000_000_000] * 2


@pytest.mark.parametrize("source", Compression)
@pytest.mark.parametrize("target", Compression)
def test_recompression_keeps_header_and_records(source: Compression, target: Compression) -> None:
    batch = build_batch(RECORDS, base_offset=42, producer_id=9, producer_epoch=1, compression=source)

    result = recompress(batch, target, decompressed_bytes_max=BYTES_MAX)
    header = read_batch_header(result)

    verify_crc(result, 0, header)
    assert header.compression is target
    assert header[6:] == read_batch_header(batch)[6:]
    assert read_records(result, 0, header, decompressed_bytes_max=BYTES_MAX) == RECORDS


def test_an_empty_batch_keeps_offsets_and_producer_state() -> None:
    header = read_batch_header(build_batch(RECORDS, base_offset=42, producer_id=9, base_sequence=4))

    emptied = empty_batch(header)
    kept = read_batch_header(emptied)

    verify_crc(emptied, 0, kept)
    assert len(emptied) == RECORD_BATCH_HEADER_SIZE
    assert (kept.last_offset, kept.producer_id, kept.last_sequence, kept.record_count) == (43, 9, 5, 0)
    assert read_records(emptied, 0, kept, decompressed_bytes_max=BYTES_MAX) == []


def test_offsets_may_have_gaps_and_end_before_the_last_offset() -> None:
    """What compaction leaves of a batch keeps the batch's range of offsets."""
    rows = [Record(10, 5, b"a", b"1"), Record(70, 6, b"b", None), Record(9000, 7, b"c", b"3")]

    batch = build_batch(rows, base_offset=9, last_offset=9999)
    header = read_batch_header(batch)

    assert (header.base_offset, header.last_offset) == (9, 9999)
    assert read_records(batch, 0, header, decompressed_bytes_max=BYTES_MAX) == rows


def test_a_delete_horizon_takes_the_place_of_the_base_timestamp() -> None:
    rows = [Record(0, 1000, b"a", None), Record(1, 1500, b"b", None)]

    batch = build_batch(rows, delete_horizon_ms=90_000)
    header = read_batch_header(batch)

    assert header.has_delete_horizon
    assert (header.base_timestamp, header.max_timestamp) == (90_000, 1500)
    assert read_records(batch, 0, header, decompressed_bytes_max=BYTES_MAX) == rows


def test_batches_are_iterated_by_their_lengths() -> None:
    second = build_batch([Record(44, 1, None, b"x" * 300)], base_offset=44)

    found = list(iterate_batches(GOLDEN + second + GOLDEN))

    assert [position for position, _ in found] == [0, len(GOLDEN), len(GOLDEN) + len(second)]
    assert [header.base_offset for _, header in found] == [42, 44, 42]


def test_a_cut_batch_is_corrupt_wherever_it_is_cut() -> None:
    for size in range(len(GOLDEN)):
        with refused(ErrorCode.CORRUPT_MESSAGE):
            read_batch_header(GOLDEN[:size])
    with refused(ErrorCode.CORRUPT_MESSAGE):
        list(iterate_batches(GOLDEN + GOLDEN[:-1]))


def test_checked_batches_are_those_that_iterating_and_checking_finds() -> None:
    """The road of followers, which take nothing that a look at each batch alone would refuse."""
    batches = GOLDEN + stamp(GOLDEN, 60, 4)
    assert list(iterate_checked_batches(memoryview(batches))) == list(iterate_batches(batches))
    assert list(iterate_checked_batches(memoryview(b""))) == []


def checked_one_by_one(batches: bytearray) -> list[tuple[int, tuple[int, ...]]] | tuple[ErrorCode, str]:
    try:
        found = list(iterate_batches(batches))
        for position, header in found:
            verify_crc(batches, position, header)
    except KafkaError as error:
        return error.code, error.message
    return [(position, tuple(header)) for position, header in found]


def checked_in_one_pass(batches: bytearray) -> list[tuple[int, tuple[int, ...]]] | tuple[ErrorCode, str]:
    try:
        return list(iterate_checked_batches(memoryview(batches)))
    except KafkaError as error:
        return error.code, error.message


def test_what_is_damaged_or_cut_is_refused_in_one_pass_as_it_is_one_by_one() -> None:
    for position in range(len(GOLDEN)):
        damaged = bytearray(GOLDEN + GOLDEN)
        damaged[len(GOLDEN) + position] ^= 0x81
        assert checked_in_one_pass(damaged) == checked_one_by_one(damaged)
    for size in range(1, len(GOLDEN)):
        cut = bytearray(GOLDEN + GOLDEN[:size])
        assert checked_in_one_pass(cut) == checked_one_by_one(cut)


def test_a_header_can_be_peeked_at_without_its_records() -> None:
    assert peek_batch_header(GOLDEN[:61]) == read_batch_header(GOLDEN)
    assert peek_batch_header(b"12345" + GOLDEN[:61], 5) == read_batch_header(GOLDEN)


@pytest.mark.parametrize("magic", [0, 1, 3, 255])
def test_another_magic_is_corrupt(magic: int) -> None:
    with refused(ErrorCode.CORRUPT_MESSAGE):
        read_batch_header(GOLDEN[:16] + bytes([magic]) + GOLDEN[17:])


@pytest.mark.parametrize("length", [-(2**31), -1, 0, 48, 2**31 - 1])
def test_a_length_that_cannot_be_is_corrupt(length: int) -> None:
    with refused(ErrorCode.CORRUPT_MESSAGE):
        read_batch_header(GOLDEN[:8] + length.to_bytes(4, "big", signed=True) + GOLDEN[12:])


def test_the_checksum_covers_every_byte_from_the_attributes_on_and_itself() -> None:
    """CRC-32C over bytes 21 to the end: not CRC-32, not from 12, 16 or 20."""
    for position in range(17, len(GOLDEN)):
        damaged = bytearray(GOLDEN)
        damaged[position] ^= 0x40
        with refused(ErrorCode.CORRUPT_MESSAGE):
            verify_crc(damaged, 0, read_batch_header(damaged))


def test_a_sequence_wraps_to_zero() -> None:
    header = read_batch_header(build_batch(RECORDS, base_offset=42, producer_id=1, base_sequence=2**31 - 1))

    assert header.last_sequence == 0


@pytest.mark.parametrize("codec", [5, 6, 7])
def test_a_codec_that_does_not_exist_is_an_invalid_record(codec: int) -> None:
    header = read_batch_header(GOLDEN)._replace(attributes=codec)

    with refused(ErrorCode.INVALID_RECORD):
        check_records(GOLDEN, 0, header, decompressed_bytes_max=BYTES_MAX)
