"""Where a group lives: the same partition as with Kafka."""

from __future__ import annotations

import pytest

from broker.coordination import java_string_hash, partition_for


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", 0),
        ("a", 97),
        ("hello", 99162322),
        ("console-consumer-12345", 158455506),
        ("polygenelubricants", -0x8000_0000),
        ("é", 233),
        ("\U0001f600", 1772899),
    ],
)
def test_strings_hash_as_in_java(text: str, value: int) -> None:
    assert java_string_hash(text) == value


def test_a_key_without_an_absolute_value_is_in_partition_0() -> None:
    assert partition_for("polygenelubricants", 50) == 0


def test_negative_hashes_count_by_their_absolute_value() -> None:
    assert java_string_hash("my-group") == -1906497762
    assert partition_for("my-group", 50) == 1906497762 % 50
