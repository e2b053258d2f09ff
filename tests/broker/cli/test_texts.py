"""What the tools make of what their users type, and of records they show."""

from __future__ import annotations

import json
import random

import pytest
import typer
from kafka.partitioner.default import murmur2 as murmur2_of_kafka_python

from broker.cli.client import parse_addresses
from broker.cli.connection import ClientError
from broker.cli.options import parse_partitions, parse_settings, parse_time_ms
from broker.cli.output import text_of
from broker.cli.produce import read_lines
from broker.cli.producer import murmur2
from broker.cli.record_formats import Format, formatter
from protocol.records import Record


def test_keys_hash_as_they_do_in_other_clients() -> None:
    """A key that goes elsewhere than with Java's clients breaks its order with what they write."""
    chance = random.Random(1)
    keys = [chance.randbytes(length) for length in range(70)]
    assert [murmur2(key) & 0x7FFFFFFF for key in keys] == [murmur2_of_kafka_python(key) & 0x7FFFFFFF for key in keys]


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("localhost:9092", [("localhost", 9092)]),
        ("one:1, two:2", [("one", 1), ("two", 2)]),
        ("localhost", [("localhost", 9092)]),
        ("[::1]:9093", [("::1", 9093)]),
        ("[::1]", [("::1", 9092)]),
    ],
)
def test_addresses(text: str, addresses: list[tuple[str, int]]) -> None:
    assert parse_addresses(text) == addresses


@pytest.mark.parametrize("text", ["", "host:port", "host:0", "host:65536", "one:1,,two:2"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ClientError, match="must be host:port"):
        parse_addresses(text)


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("@1700000000123", 1700000000123),
        ("2023-11-14T22:13:20", 1700000000000),
        ("2023-11-14T22:13:20.123Z", 1700000000123),
        ("2023-11-14T23:13:20+01:00", 1700000000000),
        ("1970-01-02", 86400000),
    ],
)
def test_times(text: str, milliseconds: int) -> None:
    assert parse_time_ms(text) == milliseconds


def test_what_is_no_time_is_refused_with_how_to_write_one() -> None:
    with pytest.raises(ClientError, match="2026-01-31T12:00:00"):
        parse_time_ms("yesterday")


def test_partitions_and_settings() -> None:
    assert parse_partitions(["orders", "payments:0,2"]) == {"orders": None, "payments": [0, 2]}
    assert parse_settings(["a=b=c", "d="], option="--config") == {"a": "b=c", "d": ""}
    with pytest.raises(typer.BadParameter):
        parse_partitions(["orders:x"])
    with pytest.raises(typer.BadParameter):
        parse_settings(["=b"], option="--config")


RECORD = Record(7, 1700000000123, b"key", b"caf\xc3\xa9", [("source", b"import"), ("none", None)])
BINARY = Record(8, -1, None, b"\xff\x00", [])


@pytest.mark.parametrize(
    ("kind", "record", "line"),
    [
        (Format.VALUE, RECORD, b"caf\xc3\xa9"),
        (Format.VALUE, BINARY, b"\xff\x00"),
        (Format.KEY_VALUE, RECORD, b"key=caf\xc3\xa9"),
        (Format.KEY_VALUE, Record(9, 1, b"gone", None, []), b"gone="),
        (
            Format.FULL,
            RECORD,
            b"orders-3 @7  2023-11-14T22:13:20.123Z  key=key  source:import  none:-  caf\xc3\xa9",
        ),
        (Format.FULL, BINARY, b"orders-3 @8  no time  0xff00"),
    ],
)
def test_a_record_as_a_line(kind: Format, record: Record, line: bytes) -> None:
    assert formatter(kind, "=")("orders", 3, record) == line


def test_a_record_as_json_keeps_what_is_not_text() -> None:
    assert json.loads(formatter(Format.JSON, "")("orders", 3, RECORD)) == {
        "topic": "orders",
        "partition": 3,
        "offset": 7,
        "timestamp": 1700000000123,
        "key": "key",
        "value": "café",
        "headers": [{"key": "source", "value": "import"}, {"key": "none", "value": None}],
    }
    binary = json.loads(formatter(Format.JSON, "")("orders", 3, BINARY))
    assert (binary["key"], binary["value_base64"]) == (None, "/wA=")


def test_lines_come_whole_and_the_last_one_may_lack_its_end(tmp_path: object) -> None:
    path = f"{tmp_path}/lines"
    with open(path, "wb") as file:
        file.write(b"one\r\n\ntwo\nthree")
    assert [line for lines, _ in read_lines(path) for line in lines] == [b"one", b"", b"two", b"three"]


def test_cells_of_a_table() -> None:
    assert [text_of(value) for value in (None, True, False, [1, 2], "x")] == ["-", "yes", "no", "1,2", "x"]
