"""Cut, flipped and spliced bytes: whatever comes in, a KafkaError or a result comes out, and no more memory
than the limit allows."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from protocol.errors import ErrorCode, KafkaError
from protocol.records import (
    Compression,
    Record,
    build_batch,
    check_records,
    convert_down,
    convert_up,
    is_legacy,
    iterate_batches,
    null_key_indexes,
    peek_batch_header,
    read_batch_header,
    read_control_type,
    read_end_transaction_marker,
    read_message_set,
    read_records,
    recompress,
    restamp_log_append_time,
    verify_crc,
    write_message_set,
)
from protocol.records.batch import assemble

BYTES_MAX = 1 << 20
ALLOWED = {
    ErrorCode.CORRUPT_MESSAGE,
    ErrorCode.INVALID_RECORD,
    ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,  # a codec bit that flips to zstd
}
ROWS = [
    Record(index, 1000 + index * 30, b"key" * (index % 3), b"value" * index, [("h", b"x")] * (index % 2))
    for index in range(24)
]


def tolerate(function: Callable[[], object]) -> None:
    try:
        function()
    except KafkaError as error:
        assert error.code in ALLOWED


def read_everything(data: bytes) -> None:
    """Every reader on bytes that may be anything, checksum and all."""
    tolerate(lambda: is_legacy(data))
    tolerate(lambda: peek_batch_header(data))
    tolerate(lambda: list(iterate_batches(data)))
    tolerate(lambda: restamp_log_append_time(data, 1))
    tolerate(lambda: read_message_set(data, decompressed_bytes_max=BYTES_MAX))
    tolerate(lambda: convert_up(data, decompressed_bytes_max=BYTES_MAX))
    try:
        header = read_batch_header(data)
    except KafkaError as error:
        assert error.code is ErrorCode.CORRUPT_MESSAGE
        return
    tolerate(lambda: verify_crc(data, 0, header))
    tolerate(lambda: check_records(data, 0, header, decompressed_bytes_max=BYTES_MAX))
    tolerate(lambda: read_records(data, 0, header, decompressed_bytes_max=BYTES_MAX))
    tolerate(lambda: null_key_indexes(data, 0, header, decompressed_bytes_max=BYTES_MAX))
    tolerate(lambda: read_control_type(data, 0, header))
    tolerate(lambda: read_end_transaction_marker(data, 0, header))
    tolerate(lambda: recompress(data, Compression.LZ4, decompressed_bytes_max=BYTES_MAX))
    # With the checksum mended, what follows it is reached as well.
    mended = assemble(header, data[61 : header.size_bytes])
    tolerate(lambda: convert_down(mended, 0, decompressed_bytes_max=BYTES_MAX))
    tolerate(lambda: convert_down(mended, 1, decompressed_bytes_max=BYTES_MAX))


@pytest.mark.parametrize("codec", Compression)
def test_every_truncation_of_a_batch(codec: Compression) -> None:
    batch = build_batch(ROWS, compression=codec)
    header = read_batch_header(batch)

    for size in range(61, len(batch)):
        read_everything(batch[:size])
        read_everything(assemble(header, batch[61:size]))


@pytest.mark.parametrize("codec", Compression)
def test_flips_and_splices_of_a_batch(codec: Compression) -> None:
    random = Random(int(codec))
    batch = build_batch(ROWS, compression=codec)
    for _ in range(1500):
        read_everything(damage(batch, random))


@pytest.mark.parametrize("magic", [0, 1])
@pytest.mark.parametrize("codec", [codec for codec in Compression if codec is not Compression.ZSTD])
def test_truncations_flips_and_splices_of_a_message_set(codec: Compression, magic: int) -> None:
    random = Random(magic)
    message_set = write_message_set(ROWS, magic, codec)
    for size in range(len(message_set)):
        read_everything(message_set[:size])
    for _ in range(1000):
        read_everything(damage(message_set, random))


@pytest.mark.parametrize("codec", [codec for codec in Compression if codec is not Compression.NONE])
def test_damage_inside_a_block_that_unpacks(codec: Compression) -> None:
    """Packed again after the damage, so that the record readers see it and not the codec's checksum."""
    random = Random(1)
    block = build_batch(ROWS)[61:]
    header = read_batch_header(build_batch(ROWS))
    for _ in range(300):
        plain = assemble(header, damage(block, random))
        read_everything(recompress(plain, codec, decompressed_bytes_max=BYTES_MAX))


@pytest.mark.parametrize("codec", [codec for codec in Compression if codec is not Compression.NONE])
def test_a_bomb_in_a_batch_is_an_invalid_record(codec: Compression) -> None:
    batch = build_batch([Record(0, 1, None, bytes(32 << 20))], compression=codec)
    header = read_batch_header(batch)

    readers: list[Callable[[], object]] = [
        lambda: check_records(batch, 0, header, decompressed_bytes_max=BYTES_MAX),
        lambda: read_records(batch, 0, header, decompressed_bytes_max=BYTES_MAX),
        lambda: recompress(batch, Compression.NONE, decompressed_bytes_max=BYTES_MAX),
    ]
    for reader in readers:
        with pytest.RaisesExc(KafkaError, check=lambda error: error.code is ErrorCode.INVALID_RECORD):
            reader()


def damage(data: bytes, random: Random) -> bytes:
    """One to four of: a byte changed, a run removed, a run repeated."""
    out = bytearray(data)
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(out))
        kind = random.randrange(8)
        if kind == 0:
            del out[at : at + random.randint(1, 9)]
        elif kind == 1:
            out[at:at] = out[at : at + random.randint(1, 9)]
        elif kind == 2:
            out[at] = random.choice((0, 1, 127, 128, 255))
        else:
            out[at] ^= 1 << random.randrange(8)
        if not out:
            return b""
    return bytes(out)
