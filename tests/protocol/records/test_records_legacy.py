"""Message sets of magic 0 and 1, and the way between them and batches v2."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import ErrorCode, KafkaError
from protocol.records import (
    Compression,
    ControlType,
    Record,
    build_batch,
    check_records,
    compress,
    convert_down,
    convert_up,
    end_transaction_marker,
    is_legacy,
    read_batch_header,
    read_message_set,
    read_records,
    verify_crc,
    write_message_set,
)

BYTES_MAX = 1 << 20
OLD_CODECS = [Compression.NONE, Compression.GZIP, Compression.SNAPPY, Compression.LZ4]

content = st.none() | st.binary(max_size=100)
rows_of_a_batch = st.lists(
    st.builds(Record, st.just(0), st.integers(0, 2**42), content, content, st.just([("h", b"v")])),
    min_size=1,
    max_size=12,
)


def refused(code: ErrorCode) -> pytest.RaisesExc[KafkaError]:
    return pytest.RaisesExc(KafkaError, check=lambda error: error.code is code)


def message(offset: int, body: bytes) -> bytes:
    """A message by hand: `body` starts at the magic."""
    checked = zlib.crc32(body).to_bytes(4, "big") + body
    return offset.to_bytes(8, "big", signed=True) + len(checked).to_bytes(4, "big") + checked


MESSAGE_0 = message(7, b"\x00\x00" b"\x00\x00\x00\x01k" b"\x00\x00\x00\x02vv")  # fmt: skip
MESSAGE_1 = message(
    8, b"\x01\x00" b"\x00\x00\x01\x8b\xcf\xe5\x68\x00" b"\xff\xff\xff\xff" b"\x00\x00\x00\x01v"
)  # fmt: skip


def read(message_set: bytes) -> list[Record]:
    return read_message_set(message_set, decompressed_bytes_max=BYTES_MAX).records


def numbered(rows: list[Record], first: int, gap: int = 1) -> list[Record]:
    for index, row in enumerate(rows):
        row.offset = first + index * gap
    return rows


def read_batch(batch: bytes) -> list[Record]:
    header = read_batch_header(batch)
    verify_crc(batch, 0, header)
    return read_records(batch, 0, header, decompressed_bytes_max=BYTES_MAX)


def test_messages_are_read_as_the_bytes_say() -> None:
    assert read(MESSAGE_0 + MESSAGE_1) == [
        Record(7, -1, b"k", b"vv"),
        Record(8, 1_700_000_000_000, None, b"v"),
    ]


def test_messages_are_written_into_the_same_bytes() -> None:
    assert write_message_set(read(MESSAGE_0), 0, Compression.NONE) == MESSAGE_0
    assert write_message_set(read(MESSAGE_1), 1, Compression.NONE) == MESSAGE_1


def test_the_magic_tells_the_formats_apart() -> None:
    assert is_legacy(MESSAGE_0) and is_legacy(memoryview(MESSAGE_1))
    assert not is_legacy(build_batch([Record(0, 1, None, None)]))
    with refused(ErrorCode.CORRUPT_MESSAGE):
        is_legacy(MESSAGE_0[:16])


@pytest.mark.parametrize("codec", OLD_CODECS[1:])
def test_inner_offsets_of_magic_1_count_towards_the_wrappers(codec: Compression) -> None:
    """KIP-31: the wrapper has the last message's offset, the inner ones are relative and may have gaps."""
    inner = b"".join(message(offset, MESSAGE_1[16:]) for offset in (0, 3, 4))
    packed = compress(codec, inner)
    wrapper = message(104, b"\x01" + bytes([codec]) + bytes(8) + b"\xff" * 4 + len(packed).to_bytes(4, "big") + packed)

    assert [record.offset for record in read(wrapper)] == [100, 103, 104]


def test_inner_offsets_of_magic_0_are_absolute() -> None:
    inner = b"".join(message(offset, MESSAGE_0[16:]) for offset in (50, 53))
    packed = compress(Compression.GZIP, inner)
    wrapper = message(53, b"\x00\x01" + b"\xff" * 4 + len(packed).to_bytes(4, "big") + packed)

    assert [record.offset for record in read(wrapper)] == [50, 53]


def test_a_wrapper_with_log_append_time_gives_it_to_its_messages() -> None:
    rows = [Record(0, 100, None, b"a"), Record(1, 200, None, b"b")]

    message_set = write_message_set(rows, 1, Compression.GZIP, log_append_time=True)
    result = read_message_set(message_set, decompressed_bytes_max=BYTES_MAX)

    assert result.is_log_append_time
    assert [record.timestamp for record in result.records] == [200, 200]


@pytest.mark.parametrize("proper", [True, False], ids=["proper", "broken"])
@pytest.mark.parametrize("magic", [0, 1])
def test_either_lz4_header_checksum_is_read(magic: int, proper: bool) -> None:
    """KAFKA-3160: we write the broken one where magic 0 expects it, and read both everywhere."""
    rows = [Record(0, 5 if magic else -1, None, b"x" * 50)]
    message_set = write_message_set(rows, magic, Compression.LZ4)
    frame_at = message_set.index(b"\x04\x22\x4d\x18")
    proper_byte = compress(Compression.LZ4, b"")[6]
    assert (message_set[frame_at + 6] == proper_byte) is (magic == 1)
    body = bytearray(message_set[16:])
    body[frame_at - 16 + 6] = proper_byte if proper else (0x1A if proper_byte != 0x1A else 0x1B)

    assert read(message(0, bytes(body))) == rows


def test_cut_and_damaged_sets_are_corrupt() -> None:
    """Whatever hits a message is noticed by its size or its checksum; its offset is the broker's to give."""
    for single in (MESSAGE_0, MESSAGE_1):
        for size in range(1, len(single)):
            with refused(ErrorCode.CORRUPT_MESSAGE):
                read(single[:size])
        for position in range(8, len(single)):
            damaged = bytearray(single)
            damaged[position] ^= 0x10
            with refused(ErrorCode.CORRUPT_MESSAGE):
                read(bytes(damaged))


NULL = b"\xff\xff\xff\xff"
MALFORMED = {
    "key size -2": b"\x00\x00\xff\xff\xff\xfe" + NULL,
    "key beyond the message": b"\x00\x00\x00\x00\x00\x09" + NULL,
    "value beyond the message": b"\x00\x00" + NULL + b"\x00\x00\x00\x09",
    "bytes behind the value": b"\x00\x00" + NULL + NULL + b"x",
    "wrapper without a value": b"\x00\x01" + NULL + NULL,
    "codec 5": b"\x00\x05" + NULL + NULL,
    "broken gzip": b"\x00\x01" + NULL + b"\x00\x00\x00\x03abc",
    "empty wrapper": b"\x00\x02" + NULL + b"\x00\x00\x00\x01\x00",
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_message_with_a_right_checksum_is_invalid(body: bytes) -> None:
    with refused(ErrorCode.INVALID_RECORD):
        read(message(0, body))


def wrapped(inner: bytes, magic: int) -> bytes:
    packed = compress(Compression.GZIP, inner)
    stamp = bytes(8) if magic else b""
    return message(0, bytes([magic, 1]) + stamp + NULL + len(packed).to_bytes(4, "big") + packed)


def test_wrappers_in_wrappers_and_mixed_magics_are_invalid() -> None:
    for message_set in (wrapped(wrapped(MESSAGE_0, 0), 0), wrapped(MESSAGE_0, 1), wrapped(MESSAGE_1, 0)):
        with refused(ErrorCode.INVALID_RECORD):
            read(message_set)


def test_the_limit_is_for_all_wrappers_together() -> None:
    bomb = write_message_set([Record(0, 1, None, bytes(600_000))], 1, Compression.GZIP)

    assert len(read(bomb)) == 1
    with refused(ErrorCode.INVALID_RECORD):
        read(bomb + bomb)


@pytest.mark.parametrize("magic", [0, 1])
def test_there_is_no_zstd_in_the_old_formats(magic: int) -> None:
    body = bytes([magic, 4]) + bytes(8 * magic) + NULL + b"\x00\x00\x00\x01x"
    batch = build_batch([Record(0, 1, None, b"v")], compression=Compression.ZSTD)

    with refused(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE):
        read(message(0, body))
    with refused(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE):
        convert_down(batch, magic, decompressed_bytes_max=BYTES_MAX)


@given(rows=rows_of_a_batch, magic=st.sampled_from([0, 1]), codec=st.sampled_from(OLD_CODECS))
def test_what_a_producer_sends_becomes_one_batch(rows: list[Record], magic: int, codec: Compression) -> None:
    message_set = write_message_set(numbered(rows, 0), magic, codec)

    batch = convert_up(message_set, decompressed_bytes_max=BYTES_MAX)
    header = read_batch_header(batch)

    assert header.size_bytes == len(batch)
    assert header.compression is codec
    assert header.max_timestamp == (max(row.timestamp for row in rows) if magic else -1)
    check_records(batch, 0, header, decompressed_bytes_max=BYTES_MAX)
    assert read_batch(batch) == [
        Record(index, row.timestamp if magic else -1, row.key, row.value) for index, row in enumerate(rows)
    ]


def test_produced_offsets_are_ignored() -> None:
    """kafka-python gives its wrapper offset 0, so its inner offsets come out below zero."""
    assert [record.offset for record in read_batch(convert_up(MESSAGE_0 + MESSAGE_1, decompressed_bytes_max=99))] == [
        0,
        1,
    ]


def test_log_append_time_survives_the_way_up() -> None:
    message_set = write_message_set([Record(0, 300, None, b"a")], 1, Compression.NONE, log_append_time=True)

    header = read_batch_header(convert_up(message_set, decompressed_bytes_max=BYTES_MAX))

    assert header.is_log_append_time
    assert header.max_timestamp == 300


def test_an_empty_set_becomes_no_batch() -> None:
    with refused(ErrorCode.INVALID_RECORD):
        convert_up(b"", decompressed_bytes_max=BYTES_MAX)


@given(
    rows=rows_of_a_batch,
    first=st.integers(0, 2**60),
    gap=st.sampled_from([1, 7]),
    magic=st.sampled_from([0, 1]),
    codec=st.sampled_from(OLD_CODECS),
)
def test_fetched_batches_keep_their_offsets_on_the_way_down(
    rows: list[Record], first: int, gap: int, magic: int, codec: Compression
) -> None:
    batch = build_batch(numbered(rows, first, gap), base_offset=first, compression=codec)

    down = convert_down(batch + batch, magic, decompressed_bytes_max=BYTES_MAX)

    assert is_legacy(down) and down[16] == magic
    expected = [Record(row.offset, row.timestamp if magic else -1, row.key, row.value) for row in rows]
    result = read_message_set(down, decompressed_bytes_max=BYTES_MAX)
    assert result.records == expected + expected
    assert result.compression is codec


def test_control_batches_are_left_out_on_the_way_down() -> None:
    marker = end_transaction_marker(
        ControlType.COMMIT, producer_id=1, producer_epoch=0, coordinator_epoch=0, timestamp_ms=1, base_offset=1
    )
    data = [build_batch([Record(offset, 1, None, b"v")], base_offset=offset) for offset in (0, 2)]

    down = convert_down(data[0] + marker + data[1], 1, decompressed_bytes_max=BYTES_MAX)

    assert [record.offset for record in read(down)] == [0, 2]
    assert convert_down(marker, 1, decompressed_bytes_max=BYTES_MAX) == b""


def test_log_append_time_survives_the_way_down() -> None:
    batch = build_batch([Record(0, 300, None, b"a")], log_append_time_ms=999)

    result = read_message_set(
        convert_down(batch, 1, decompressed_bytes_max=BYTES_MAX), decompressed_bytes_max=BYTES_MAX
    )

    assert result.is_log_append_time
    assert result.records[0].timestamp == 999


def test_records_below_the_fetch_offset_are_left_out_unless_they_are_wrapped() -> None:
    rows = [Record(offset, 1, None, b"v") for offset in range(4)]
    plain, packed = build_batch(rows), build_batch(rows, compression=Compression.GZIP)

    down = [convert_down(batch, 1, decompressed_bytes_max=BYTES_MAX, first_offset=2) for batch in (plain, packed)]

    assert [record.offset for record in read(down[0])] == [2, 3]
    assert [record.offset for record in read(down[1])] == [0, 1, 2, 3]
