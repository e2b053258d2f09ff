"""Codecs: every framing clients use is read, what we write is what Java reads, bombs are refused."""

from __future__ import annotations

import gzip
import random
from typing import Any

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import ErrorCode, KafkaError
from protocol.records import Compression, compress, decompress
from protocol.records.lz4_header import with_broken_checksum, with_proper_checksum, xxhash32_short

PACKED = [codec for codec in Compression if codec is not Compression.NONE]
TEXT = b"the quick brown fox " * 5000
BYTES_MAX = 1 << 20


def refused() -> pytest.RaisesExc[KafkaError]:
    return pytest.RaisesExc(KafkaError, check=lambda error: error.code is ErrorCode.INVALID_RECORD)


def unpack(codec: Compression, data: bytes, bytes_max: int = BYTES_MAX) -> bytes:
    return decompress(codec, data, decompressed_bytes_max=bytes_max)


@given(data=st.binary(max_size=2000), repeat=st.sampled_from([0, 1, 40]), codec=st.sampled_from(Compression))
def test_what_is_packed_unpacks_to_the_same(data: bytes, repeat: int, codec: Compression) -> None:
    assert unpack(codec, compress(codec, data * repeat)) == data * repeat


@pytest.mark.parametrize("codec", PACKED)
def test_views_are_taken_where_bytes_are(codec: Compression) -> None:
    packed = compress(codec, memoryview(b"--" + TEXT)[2:])

    assert decompress(codec, memoryview(b"-" + packed)[1:], decompressed_bytes_max=BYTES_MAX) == TEXT


@pytest.mark.parametrize(
    ("codec", "levels"),
    [
        (Compression.GZIP, [-1, 1, 9]),
        (Compression.LZ4, [1, 9, 17]),
        (Compression.ZSTD, [-131072, 1, 3, 22]),
    ],
)
def test_every_level_kafka_allows_works(codec: Compression, levels: list[int]) -> None:
    for level in levels:
        assert unpack(codec, compress(codec, TEXT, level)) == TEXT


@pytest.mark.parametrize("codec", PACKED)
def test_output_of_exactly_the_limit_passes_and_one_byte_more_does_not(codec: Compression) -> None:
    packed = compress(codec, TEXT)

    assert unpack(codec, packed, len(TEXT)) == TEXT
    with refused():
        unpack(codec, packed, len(TEXT) - 1)


@pytest.mark.parametrize("codec", PACKED)
def test_a_bomb_is_refused(codec: Compression) -> None:
    """64 MiB of zeros; zstd packs them in 6 kB, gzip in 64 kB."""
    with refused():
        unpack(codec, compress(codec, bytes(64 << 20)), BYTES_MAX)


@pytest.mark.parametrize("codec", PACKED)
def test_cut_and_damaged_streams_are_refused_or_unpack_to_something(codec: Compression) -> None:
    """Only gzip has a checksum of the content, so a flipped bit may go unnoticed; nothing else may happen."""
    packed = compress(codec, TEXT[:4000])
    for size in range(1, len(packed)):
        cut = packed[:size]
        if codec is Compression.SNAPPY and size == 16:
            assert unpack(codec, cut) == b""  # a stream of no blocks
            continue
        with refused():
            unpack(codec, cut)
    for position in range(len(packed)):
        for bit in range(8):
            damaged = bytearray(packed)
            damaged[position] ^= 1 << bit
            try:
                unpack(codec, bytes(damaged))
            except KafkaError as error:
                assert error.code is ErrorCode.INVALID_RECORD


@pytest.mark.parametrize("codec", [Compression.GZIP, Compression.LZ4, Compression.ZSTD, Compression.SNAPPY])
def test_streams_written_one_after_the_other_unpack_to_both(codec: Compression) -> None:
    assert unpack(codec, compress(codec, b"first ") + compress(codec, b"second")) == b"first second"


@pytest.mark.parametrize("codec", [Compression.GZIP, Compression.LZ4, Compression.ZSTD, Compression.SNAPPY])
def test_garbage_behind_a_stream_is_refused(codec: Compression) -> None:
    with refused():
        unpack(codec, compress(codec, TEXT) + b"garbage!")


def test_gzip_of_another_library_is_read() -> None:
    assert unpack(Compression.GZIP, gzip.compress(TEXT)) == TEXT
    assert gzip.decompress(compress(Compression.GZIP, TEXT)) == TEXT


def test_snappy_is_written_in_the_framing_of_java() -> None:
    packed = compress(Compression.SNAPPY, b"x" * 40_000)
    first = bytes(cramjam.snappy.compress_raw(b"x" * 32_768))

    assert packed[:16] == b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01"
    assert packed[16:20] == len(first).to_bytes(4, "big")
    assert packed[20 : 20 + len(first)] == first


def test_one_raw_snappy_block_is_read() -> None:
    """Old librdkafka and Go clients write no framing."""
    assert unpack(Compression.SNAPPY, bytes(cramjam.snappy.compress_raw(TEXT))) == TEXT


def test_a_snappy_block_that_claims_four_gigabytes_is_refused_before_it_is_unpacked() -> None:
    claim = b"\xff\xff\xff\xff\x0f" + b"\0a"

    for data in (claim, compress(Compression.SNAPPY, b"")[:16] + len(claim).to_bytes(4, "big") + claim):
        with refused():
            unpack(Compression.SNAPPY, data)


def test_the_snappy_limit_is_for_all_blocks_together() -> None:
    packed = compress(Compression.SNAPPY, bytes(4 * 32_768))

    assert len(unpack(Compression.SNAPPY, packed, 4 * 32_768)) == 4 * 32_768
    with refused():
        unpack(Compression.SNAPPY, packed, 4 * 32_768 - 1)


@pytest.mark.parametrize("length", [-1, -(2**31), 2**31 - 1])
def test_a_snappy_block_of_an_impossible_length_is_refused(length: int) -> None:
    header = compress(Compression.SNAPPY, b"")
    with refused():
        unpack(Compression.SNAPPY, header + length.to_bytes(4, "big", signed=True) + b"abc")


def test_lz4_is_written_in_the_framing_of_java() -> None:
    """Its reader knows frame version 1 with independent blocks; its writer makes them of 64 KiB, without checksums."""
    head = compress(Compression.LZ4, TEXT)[:7]

    assert head[:6] == b"\x04\x22\x4d\x18\x60\x40"
    assert head[6] == xxhash32_short(head[4:6]) >> 8 & 0xFF


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 200_000])
@pytest.mark.parametrize("packs", [True, False])
def test_lz4_of_any_number_of_blocks_is_read_here_and_by_another_reader(size: int, packs: bool) -> None:
    data = bytes(size) if packs else random.Random(7).randbytes(size)

    packed = compress(Compression.LZ4, data)

    assert bytes(cramjam.lz4.decompress(packed)) == data
    assert unpack(Compression.LZ4, packed) == data


@pytest.mark.parametrize("options", [{}, {"content_checksum": True}, {"block_linked": False}, {"level": 9}])
def test_lz4_frames_of_other_writers_are_read(options: dict[str, Any]) -> None:
    compressor = cramjam.lz4.Compressor(**options)
    compressor.compress(TEXT)

    assert unpack(Compression.LZ4, bytes(compressor.finish())) == TEXT


def lz4_frame(block: bytes, *, is_packed: bool) -> bytes:
    size = len(block) | (0 if is_packed else 1 << 31)
    return compress(Compression.LZ4, b"")[:7] + size.to_bytes(4, "little") + block + bytes(4)


def test_an_lz4_block_of_more_than_its_64_kib_is_refused() -> None:
    packed = bytes(cramjam.lz4.compress_block(bytes(65_537), store_size=False))

    for frame in (lz4_frame(packed, is_packed=True), lz4_frame(bytes(65_537), is_packed=False)):
        with refused():
            unpack(Compression.LZ4, frame)


@pytest.mark.parametrize(
    ("data", "expected"),
    [(b"", 0x02CC5D05), (b"a", 0x550D7456), (b"abc", 0x32D153FF), (b"message digest", 0x7C948494)],
)
def test_xxhash32_has_its_published_values(data: bytes, expected: int) -> None:
    assert xxhash32_short(data) == expected


def test_a_broken_lz4_header_checksum_is_mended_and_made() -> None:
    """KAFKA-3160: the first Kafka clients took the checksum over the magic as well."""
    frame = compress(Compression.LZ4, TEXT)

    broken = with_broken_checksum(frame)

    assert broken != frame
    with refused():
        unpack(Compression.LZ4, broken)
    assert with_proper_checksum(broken) == frame
    assert with_proper_checksum(frame) == frame


@given(data=st.binary(max_size=24))
def test_what_is_no_lz4_frame_is_left_for_the_reader_to_refuse(data: bytes) -> None:
    frame = b"\x04\x22\x4d\x18" + data

    assert len(with_proper_checksum(frame)) == len(frame)
    assert with_proper_checksum(data) == data or data.startswith(b"\x04\x22\x4d\x18")
