"""Every file of a log as items, and what is wrong with it."""

from __future__ import annotations

from typing import Any

import pytest
from log_harness import batch, keyed_batch
from log_harness.batches import NOW_MS
from log_harness.logs import DIRECTORY, TOPIC_ID, LogOnDisk

from broker.log import LogConfig, dump_file, dump_journal_entry, is_log_file
from protocol.records import Record


def a_log() -> LogOnDisk:
    on_disk = LogOnDisk(LogConfig(segment_bytes=400, index_interval_bytes=50))
    on_disk.append(keyed_batch([(b"k", b"v" * 300)]), leader_epoch=4)
    for sequence in range(4):
        fields = {"producer_id": 7, "producer_epoch": 1, "base_sequence": sequence}
        on_disk.append(batch(b"%d" % sequence, timestamp=NOW_MS + sequence, **fields))
    on_disk.logs.close()
    return on_disk


def dump(on_disk: LogOnDisk, path: str, *, records: bool = False) -> list[Any]:
    return list(dump_file(path.rpartition("/")[2], bytes(on_disk.disk.content(path)), records=records))


def problems(items: list[Any]) -> list[str]:
    return [item["problem"] for item in items if isinstance(item, dict) and "problem" in item]


def test_a_segment_shows_its_batches_and_their_records() -> None:
    on_disk = a_log()
    found, record, *_ = dump(on_disk, on_disk.log.segments[0].log_path, records=True)
    assert (found["position"], found["base_offset"], found["leader_epoch"]) == (0, 0, 4)
    assert record == Record(0, NOW_MS, b"k", b"v" * 300)


@pytest.mark.parametrize(("position", "problem"), [(200, "checksum"), (16, "magic"), (8, "longer"), (22, "checksum")])
def test_damage_of_a_batch_says_where_it_is(position: int, problem: str) -> None:
    on_disk = a_log()
    path = on_disk.log.segments[0].log_path
    on_disk.disk.damage(path, position, b"\x07")
    first = dump(on_disk, path, records=True)[0]
    assert first["position"] == 0
    assert problem in first["problem"]


def test_what_lies_behind_a_damaged_batch_is_shown() -> None:
    on_disk = a_log()
    path = on_disk.log.segments[-1].log_path
    batches = len(dump(on_disk, path))
    on_disk.disk.damage(path, 30, b"\x07\x07")
    items = dump(on_disk, path)
    assert batches > 1
    assert len(items) == batches
    assert len(problems(items)) == 1


def test_an_offset_that_goes_back_is_a_problem() -> None:
    on_disk = a_log()
    content = bytes(on_disk.disk.content(on_disk.log.segments[-1].log_path))
    assert "comes after offset" in problems(list(dump_file("99.log", content)))[0]


def test_every_file_that_a_log_leaves_has_items_and_no_problems() -> None:
    on_disk = a_log()
    directories = (DIRECTORY, on_disk.log.directory)
    paths = [f"{directory}/{name}" for directory in directories for name in on_disk.disk.list(directory)]
    files = [path for path in paths if is_log_file(path.rpartition("/")[2])]
    assert len(files) >= 10
    for path in files:
        items = dump(on_disk, path)
        # The offset index of a small segment has no entry.
        assert items or not on_disk.disk.content(path), path
        assert not problems(items), path


@pytest.mark.parametrize("suffix", [".index", ".timeindex"])
def test_half_an_entry_is_named(suffix: str) -> None:
    on_disk = a_log()
    path = on_disk.log.segments[1].stem + suffix
    assert len(on_disk.disk.content(path)) > 1
    del on_disk.disk.content(path)[-1:]
    assert "no whole entry" in problems(dump(on_disk, path))[-1]


@pytest.mark.parametrize("name", ["0.index", "0.timeindex"])
def test_an_index_whose_entries_do_not_rise_is_a_problem(name: str) -> None:
    size = 8 if name == "0.index" else 12
    entry = b"\x01" * size
    assert problems(list(dump_file(name, entry * 2))) == [f"byte {size}: the entry does not rise above the one before"]


@pytest.mark.parametrize(
    "name",
    ["1.snapshot", "leader-epoch-checkpoint", "recovery-point-offset-checkpoint", "partition.metadata"],
)
def test_a_small_file_that_is_none_is_one_problem(name: str) -> None:
    assert len(problems(list(dump_file(name, b"0\n7\nnot (of) the kind")))) == 1


def test_a_journal_entry_shows_what_it_appends() -> None:
    on_disk = a_log()
    first, found, record = dump_journal_entry(1, on_disk.entries[0].payload, records=True)
    assert isinstance(first, dict)
    assert (first["kind"], first["topic_id"], first["offset"]) == ("append", TOPIC_ID.hex(), 0)
    assert isinstance(found, dict)
    assert found["base_offset"] == 0
    assert isinstance(record, Record)
    assert record.key == b"k"


@pytest.mark.parametrize(("kind", "payload"), [(1, b"short"), (99, bytes(40))])
def test_a_journal_entry_that_is_none_is_a_problem(kind: int, payload: bytes) -> None:
    assert len(problems(list(dump_journal_entry(kind, payload)))) == 1


def test_other_files_are_none_of_a_log() -> None:
    assert not is_log_file("notes.txt")
