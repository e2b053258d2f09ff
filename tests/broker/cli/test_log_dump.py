"""`millstream log dump` on what a killed broker left behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness.broker_process import BrokerProcess

from broker.cli.app import run


@pytest.fixture(scope="module")
def data_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Of a broker that was killed after three records with keys."""
    directory = tmp_path_factory.mktemp("dumped")
    lines = directory / "lines"
    lines.write_text("a:one\nb:two\nc:three\n")
    with BrokerProcess(directory) as broker:
        assert run(["topics", "create", "words", "-b", broker.bootstrap]) == 0
        assert run(["produce", "words", "-K", ":", "-f", str(lines), "-b", broker.bootstrap, "-z", "zstd"]) == 0
        broker.kill()
        yield broker.data_directory


@pytest.fixture
def dump(data_directory: Path, capfd: pytest.CaptureFixture[str]) -> Any:
    def call(*arguments: str, code: int = 0) -> list[dict[str, Any]]:
        capfd.readouterr()
        assert run(["log", "dump", "--json", str(data_directory / arguments[0]), *arguments[1:]]) == code
        return [json.loads(line) for line in capfd.readouterr().out.splitlines()]

    return call


SEGMENT = "words-0/00000000000000000000.log"


def test_a_segment_shows_its_batches_and_records(dump: Any) -> None:
    (batch,) = dump(SEGMENT)
    assert (batch["base_offset"], batch["last_offset"], batch["records"]) == (0, 2, 3)
    assert (batch["compression"], batch["base_sequence"]) == ("zstd", 0)

    _, *records = dump(SEGMENT, "--records")
    assert [(one["offset"], one["key"], one["value"]) for one in records] == [
        (0, "a", "one"),
        (1, "b", "two"),
        (2, "c", "three"),
    ]


def test_the_journal_shows_what_was_appended(dump: Any) -> None:
    appends = [entry for entry in dump("journal") if entry["kind"] == "append"]
    assert [(entry["partition"], entry["offset"]) for entry in appends] == [(0, 0)]
    assert {"a", "b", "c"} == {entry["key"] for entry in dump("journal", "--records") if "key" in entry}


def test_the_metadata_log_shows_its_records(dump: Any) -> None:
    assert "words" in [entry.get("name") for entry in dump("metadata") if entry["kind"] == "topic"]


def test_text_files_show_their_lines(dump: Any) -> None:
    assert {"line": "node.id=1"} in dump("meta.properties")
    assert dump("words-0/partition.metadata")[0] == {"line": "version: 0"}


@pytest.mark.parametrize(
    ("name", "content", "items"),
    [
        ("7.index", (3).to_bytes(4, "big") + (99).to_bytes(4, "big"), [{"offset": 10, "position": 99}]),
        ("7.timeindex", (5).to_bytes(8, "big") + (3).to_bytes(4, "big"), [{"timestamp": 5, "offset": 10}]),
        (
            "7.txnindex",
            bytes(2) + b"".join(number.to_bytes(8, "big") for number in (1, 2, 3, 4)),
            [{"producer_id": 1, "first_offset": 2, "last_offset": 3, "last_stable_offset": 4}],
        ),
        ("7.log", b"", []),
    ],
)
def test_indexes_show_their_entries(
    dump: Any, tmp_path: Path, name: str, content: bytes, items: list[dict[str, int]]
) -> None:
    (tmp_path / name).write_bytes(content)
    assert dump(str(tmp_path / name)) == items


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda data: data[:-1], "longer than"),
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "checksum"),
        (lambda data: data[:70] + bytes(1000), "checksum"),
        (lambda data: data + b"\0" * 100, "batch"),
    ],
    ids=["cut", "flipped", "zeroed", "followed by zeros"],
)
def test_damage_is_shown_where_it_is(
    dump: Any, data_directory: Path, tmp_path: Path, change: Any, problem: str
) -> None:
    (tmp_path / "0.log").write_bytes(change((data_directory / SEGMENT).read_bytes()))
    items = dump(str(tmp_path / "0.log"), code=1)
    assert problem in " ".join(item.get("problem", "") for item in items)


def test_a_snapshot_that_is_none_is_a_problem(dump: Any, tmp_path: Path) -> None:
    (tmp_path / "00000000000000000000.snapshot").write_bytes(b"nothing of the kind")
    (item,) = dump(str(tmp_path / "00000000000000000000.snapshot"), code=1)
    assert "problem" in item


def test_what_is_not_there_or_not_ours_is_a_failure(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "photo.jpeg").write_bytes(b"\xff")
    assert run(["log", "dump", str(tmp_path / "photo.jpeg")]) == 1
    assert "none of the files of a data directory" in capfd.readouterr().err
    assert run(["log", "dump", str(tmp_path / "absent.log")]) == 1
    assert "does not exist" in capfd.readouterr().err
