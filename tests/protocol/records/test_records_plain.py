"""The check of a batch of one plain record says what the general walk says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import KafkaError
from protocol.records import Record, build_batch, check_records, read_batch_header
from protocol.records.plain import NOT_PLAIN, plain_record_null_keys
from protocol.records.walk import walk_record


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
