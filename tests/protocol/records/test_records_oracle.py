"""Our records against two other implementations, both ways: kafka-python's and aiokafka's."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.records import (
    Compression,
    Record,
    build_batch,
    check_records,
    read_batch_header,
    read_message_set,
    read_records,
    verify_crc,
    write_message_set,
)

BYTES_MAX = 1 << 24
OLD_CODECS = [Compression.NONE, Compression.GZIP, Compression.SNAPPY, Compression.LZ4]
PEERS = {
    "kafka-python": ("kafka.record", "DefaultRecordBatch", "LegacyRecordBatch"),
    "aiokafka": ("aiokafka.record", "DefaultRecordBatch", "LegacyRecordBatch"),
    "aiokafka in Python": ("aiokafka.record", "_DefaultRecordBatchPy", "_LegacyRecordBatchPy"),
}

content = st.none() | st.binary(max_size=300)
# kafka-python refuses a header without a value only when it is empty text, so values are bytes or null here.
some_headers = st.lists(st.tuples(st.text(min_size=1, max_size=20), st.none() | st.binary(max_size=20)), max_size=3)
rows_of_a_batch = st.lists(
    st.builds(Record, st.just(0), st.integers(10**12, 10**12 + 10**5), content, content, some_headers),
    min_size=1,
    max_size=80,
)
each_peer = pytest.mark.parametrize("peer", PEERS)
each_codec = pytest.mark.parametrize("codec", Compression)
each_old_codec = pytest.mark.parametrize("codec", OLD_CODECS)
each_magic = pytest.mark.parametrize("magic", [0, 1])


def peer_class(peer: str, kind: str, suffix: str = "") -> Any:
    """`kind` is "default" (v2) or "legacy"; `suffix` is "" for the reader, "Builder" for the writer."""
    package, default, legacy = PEERS[peer]
    name = default if kind == "default" else legacy
    if name.endswith("Py"):
        name = name.removesuffix("Py") + suffix + "Py"
    else:
        name += suffix
    return getattr(importlib.import_module(f"{package}.{kind}_records"), name)


def require_codec(peer: str, codec: Compression, magic: int = 2) -> None:
    """Skips aloud what the peer cannot do: kafka-python takes its codecs from optional packages."""
    if peer == "kafka-python":
        name = codec.name.lower()
        if codec and not getattr(importlib.import_module("kafka.codec"), f"has_{name}")():
            pytest.skip(f"kafka-python has no package for {name} here")
        if codec is Compression.LZ4 and magic == 0 and importlib.import_module("kafka.codec").xxhash is None:
            pytest.skip("kafka-python needs xxhash for the broken lz4 of magic 0")
    elif codec is Compression.LZ4 and magic == 0:
        pytest.skip("aiokafka does not speak the broken lz4 of magic 0 (KAFKA-3160)")


def numbered(rows: list[Record]) -> list[Record]:
    for index, row in enumerate(rows):
        row.offset = index
    return rows


def as_record(theirs: Any) -> Record:
    headers = [(key, None if value is None else bytes(value)) for key, value in theirs.headers or []]
    key = None if theirs.key is None else bytes(theirs.key)
    value = None if theirs.value is None else bytes(theirs.value)
    return Record(theirs.offset, -1 if theirs.timestamp is None else theirs.timestamp, key, value, headers)


@each_peer
@each_codec
@settings(max_examples=12)
@given(rows=rows_of_a_batch)
def test_a_peer_reads_our_batch(peer: str, codec: Compression, rows: list[Record]) -> None:
    require_codec(peer, codec)
    batch = build_batch(numbered(rows), compression=codec, producer_id=3, producer_epoch=1, base_sequence=0)

    theirs = peer_class(peer, "default")(bytearray(batch))

    assert theirs.validate_crc()
    assert [as_record(record) for record in theirs] == rows


@each_peer
@each_codec
@settings(max_examples=12)
@given(rows=rows_of_a_batch)
def test_we_read_a_peers_batch(peer: str, codec: Compression, rows: list[Record]) -> None:
    require_codec(peer, codec)
    builder = peer_class(peer, "default", "Builder")(
        magic=2,
        compression_type=int(codec),
        is_transactional=1,
        producer_id=77,
        producer_epoch=2,
        base_sequence=5,
        batch_size=1 << 20,
    )
    for row in numbered(rows):
        builder.append(row.offset, timestamp=row.timestamp, key=row.key, value=row.value, headers=row.headers)
    batch = bytes(builder.build())

    header = read_batch_header(batch)
    verify_crc(batch, 0, header)

    checked = check_records(batch, 0, header, decompressed_bytes_max=BYTES_MAX)
    assert checked.record_count == len(rows)
    assert (checked.max_timestamp, header.producer_id, header.base_sequence) == (header.max_timestamp, 77, 5)
    assert read_records(batch, 0, header, decompressed_bytes_max=BYTES_MAX) == rows


@each_peer
@each_old_codec
@each_magic
@settings(max_examples=8)
@given(rows=rows_of_a_batch)
def test_a_peer_reads_our_message_set(peer: str, codec: Compression, magic: int, rows: list[Record]) -> None:
    require_codec(peer, codec, magic)
    numbered(rows)
    if codec is Compression.NONE:
        del rows[1:]  # their readers take one message or one wrapper at a time

    theirs = peer_class(peer, "legacy")(bytearray(write_message_set(rows, magic, codec)), magic)

    assert theirs.validate_crc()
    assert [as_record(record) for record in theirs] == [
        Record(row.offset, row.timestamp if magic else -1, row.key, row.value) for row in rows
    ]


@each_peer
@each_old_codec
@each_magic
@settings(max_examples=8)
@given(rows=rows_of_a_batch)
def test_we_read_a_peers_message_set(peer: str, codec: Compression, magic: int, rows: list[Record]) -> None:
    require_codec(peer, codec, magic)
    builder = peer_class(peer, "legacy", "Builder")(magic, int(codec), 1 << 20)
    for row in numbered(rows):
        builder.append(row.offset, timestamp=row.timestamp, key=row.key, value=row.value)

    result = read_message_set(bytes(builder.build()), decompressed_bytes_max=BYTES_MAX)

    assert result.compression is codec
    # They give the wrapper offset 0, which in magic 1 is the last inner message's.
    shift = len(rows) - 1 if codec and magic == 1 else 0
    assert result.records == [
        Record(row.offset - shift, row.timestamp if magic else -1, row.key, row.value) for row in rows
    ]
