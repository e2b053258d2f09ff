"""The check of a batch of one plain record says what the general walk says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import KafkaError
from protocol.records import (
    PLAIN_BATCH_BYTES_MAX,
    PLAIN_BATCH_BYTES_MIN,
    Compression,
    Header,
    Record,
    build_batch,
    check_records,
    compress,
    read_batch_header,
    read_plain_batch,
    verify_crc,
)
from protocol.records.batch import assemble
from protocol.records.plain import NOT_PLAIN, plain_record_null_keys
from protocol.records.walk import walk_record

PLAIN_CODECS = (Compression.NONE, Compression.GZIP, Compression.SNAPPY, Compression.LZ4)


def block_of(key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]]) -> bytes:
    return build_batch([Record(0, 1000, key, value, headers)])[61:]


def null_keys(block: bytes) -> int:
    try:
        return plain_record_null_keys(block, 0, len(block))
    except IndexError:
        return NOT_PLAIN


@given(key=st.none() | st.binary(max_size=63), size=st.integers(0, 70_000))
def test_a_plain_record_is_taken(key: bytes | None, size: int) -> None:
    assert null_keys(block_of(key, bytes(size), [])) == (key is None)


@pytest.mark.parametrize(
    ("key", "value", "headers"),
    [(b"k" * 64, b"v", []), (None, None, []), (None, b"v", [("h", b"1")]), (None, bytes(2_000_000), [])],
)
def test_any_other_record_is_left_to_the_walk(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]]
) -> None:
    assert null_keys(block_of(key, value, headers)) == NOT_PLAIN


@given(
    block=st.binary(max_size=80)
    | st.builds(
        lambda value, at, byte: bytes(
            byte if place == at else old for place, old in enumerate(block_of(b"k", value, []))
        ),
        st.binary(max_size=200),
        st.integers(0, 220),
        st.integers(0, 255),
    )
)
def test_what_it_takes_the_walk_takes_too(block: bytes) -> None:
    found = null_keys(block)
    if found == NOT_PLAIN:
        return
    record = walk_record(block, 0, 0)
    assert record.end == len(block)
    assert record.key_is_null == bool(found)


def test_a_record_that_ends_before_the_batch_does_is_refused() -> None:
    batch = bytearray(build_batch([Record(0, 1000, None, b"value", [])]))
    batch[61] -= 2
    with pytest.raises(KafkaError):
        check_records(batch, 0, read_batch_header(batch), decompressed_bytes_max=1 << 20)


@given(
    key=st.none() | st.binary(max_size=63),
    size=st.integers(0, 4000) | st.sampled_from([55, 56, 57, 58, 59, 60, 61, 62, 63, 64, 65, 66, 8117, 8190, 12_000]),
    producer=st.just((-1, -1, -1)) | st.tuples(st.integers(0, 2**62), st.integers(0, 9), st.integers(0, 2**31 - 1)),
)
def test_a_plain_batch_is_read_the_first_time_and_when_its_layout_is_known(
    key: bytes | None, size: int, producer: tuple[int, int, int]
) -> None:
    producer_id, producer_epoch, sequence = producer
    batch = build_batch(
        [Record(0, 1000, key, bytes(size))],
        producer_id=producer_id,
        producer_epoch=producer_epoch,
        base_sequence=sequence,
    )
    behind_others = b"\0" * 7 + batch + b"\1" * 9
    for _ in range(2):
        plain = read_plain_batch(behind_others, 7, 7 + len(batch))
        if len(batch) < PLAIN_BATCH_BYTES_MIN:
            continue
        assert plain is not None
        assert plain[0] == batch[21:]
        assert plain[2:] == (1000, producer_id, producer_epoch, sequence, 0)


@pytest.mark.parametrize("codec", PLAIN_CODECS[1:])
def test_a_compressed_batch_is_read_unless_its_records_are_of_another_number_or_time(codec: Compression) -> None:
    batch = build_batch([Record(place, 1000 + place, b"key", b"v" * 300) for place in range(100)], compression=codec)
    header, block = read_batch_header(batch), batch[61:]

    plain = read_plain_batch(b"before" + batch, 6, 6 + len(batch))

    assert plain == (batch[21:], header.crc, 1099, -1, -1, -1, 99)
    for wrong in (
        header._replace(record_count=99, last_offset_delta=98),
        header._replace(record_count=101, last_offset_delta=100),
        header._replace(last_offset_delta=98),
        header._replace(max_timestamp=1098),
    ):
        changed = assemble(wrong, block)
        assert read_plain_batch(changed, 0, len(changed)) is None


def test_a_compressed_batch_of_no_records_is_not_plain() -> None:
    """Its timestamps are those that the walk begins with."""
    header = read_batch_header(build_batch([Record(0, 0, None, b"")], compression=Compression.GZIP))
    no_records = header._replace(record_count=0, last_offset_delta=-1, base_timestamp=0, max_timestamp=-(2**63))
    batch = assemble(no_records, compress(Compression.GZIP, b""))

    assert len(batch) >= PLAIN_BATCH_BYTES_MIN
    assert read_plain_batch(batch, 0, len(batch)) is None


def test_a_small_batch_that_unpacks_to_megabytes_is_left_to_the_general_check() -> None:
    batch = build_batch([Record(0, 0, None, bytes(2 << 20))], compression=Compression.GZIP)

    assert len(batch) <= PLAIN_BATCH_BYTES_MAX
    assert read_plain_batch(batch, 0, len(batch)) is None


def damaged(batch: bytes, places: list[tuple[int, int]], sealed: bool) -> bytes:
    """The batch with some of its bytes changed, and a checksum that agrees all the same if it is `sealed`."""
    changed = bytearray(batch)
    for at, byte in places:
        changed[at % len(changed)] = byte
    if sealed:
        changed = bytearray(assemble(read_batch_header(changed), bytes(changed[61:])))
    return bytes(changed)


@given(
    count=st.sampled_from([1, 1, 2, 9]),
    key=st.none() | st.binary(max_size=70),
    value=st.none() | st.binary(max_size=80),
    headers=st.sampled_from([[], [("name", b"value")]]),
    step=st.sampled_from([0, 1, -1, 9000]),
    codec=st.just(Compression.NONE) | st.sampled_from(Compression),
    places=st.lists(st.tuples(st.integers(61, 200), st.integers(0, 255)), max_size=3),
    header_places=st.lists(st.tuples(st.integers(0, 60), st.sampled_from([0, 1, 2, 16, 32, 128])), max_size=2),
    sealed=st.booleans(),
)
def test_a_plain_batch_is_one_that_all_checks_take(
    count: int,
    key: bytes | None,
    value: bytes | None,
    headers: list[Header],
    step: int,
    codec: Compression,
    places: list[tuple[int, int]],
    header_places: list[tuple[int, int]],
    sealed: bool,
) -> None:
    original = build_batch(
        [Record(place, 1000 + step * place, key, value, headers) for place in range(count)],
        producer_id=7,
        compression=codec,
    )
    if len(original) >= PLAIN_BATCH_BYTES_MIN:
        read_plain_batch(original, 0, len(original))
    try:
        batch = damaged(original, places + header_places, sealed)
    except KafkaError:
        return  # the damage left no header to seal
    if not PLAIN_BATCH_BYTES_MIN <= len(batch) <= PLAIN_BATCH_BYTES_MAX:
        return
    plain = read_plain_batch(batch, 0, len(batch))
    try:
        header = read_batch_header(batch)
        verify_crc(batch, 0, header)
        checked = check_records(batch, 0, header, decompressed_bytes_max=1 << 20)
    except KafkaError:
        assert plain is None
        return
    if plain is None:
        # Only for what the header says: the log looks at that.
        is_whole = header.size_bytes == len(batch)
        is_of_codec = header.attributes in PLAIN_CODECS
        assert header.base_offset or not is_of_codec or checked.max_timestamp != header.max_timestamp or not is_whole
        return
    assert header.base_offset == 0
    assert header.attributes in PLAIN_CODECS
    assert checked.record_count == header.record_count
    assert plain == (
        batch[21:],
        header.crc,
        checked.max_timestamp,
        header.producer_id,
        header.producer_epoch,
        header.base_sequence,
        header.last_offset_delta,
    )
    assert header.max_timestamp == checked.max_timestamp
