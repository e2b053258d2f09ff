"""`millstream log dump`: every file of a log as rows, and what is wrong with it."""

from __future__ import annotations

import pytest
from log_harness import batch, keyed_batch
from log_harness.batches import NOW_MS
from log_harness.logs import LogOnDisk

from broker.log import DumpOptions, LogConfig, dump_file


def a_log() -> LogOnDisk:
    on_disk = LogOnDisk(LogConfig(segment_bytes=400, index_interval_bytes=50))
    on_disk.append(keyed_batch([(b"k", b"v" * 300)]), leader_epoch=4)
    for sequence in range(4):
        fields = {"producer_id": 7, "producer_epoch": 1, "base_sequence": sequence}
        on_disk.append(batch(b"%d" % sequence, timestamp=NOW_MS + sequence, **fields))
    on_disk.logs.close()
    return on_disk


def test_a_segment_shows_its_batches_and_their_records() -> None:
    on_disk = a_log()
    path = on_disk.log.segments[0].log_path
    rows = list(dump_file(on_disk.disk, path, DumpOptions(records=True, values_bytes_max=3)))
    assert [row.problem for row in rows] == [""] * len(rows)
    assert rows[0].fields["leader_epoch"] == 4
    assert rows[1].fields == {"offset": 0, "timestamp": NOW_MS, "key": "k", "value": "vvv… (300 bytes)"}


@pytest.mark.parametrize(("position", "problem"), [(200, "checksum"), (16, "magic"), (8, "bytes")])
def test_damage_is_a_row_that_says_where(position: int, problem: str) -> None:
    on_disk = a_log()
    path = on_disk.log.segments[0].log_path
    on_disk.disk.damage(path, position, b"\x07")
    rows = list(dump_file(on_disk.disk, path))
    assert problem in rows[0].problem
    assert rows[0].position == 0


def test_every_other_file_has_rows_too() -> None:
    on_disk = a_log()
    for name in on_disk.disk.list(on_disk.log.directory):
        if name != "partition.metadata":
            rows = list(dump_file(on_disk.disk, f"{on_disk.log.directory}/{name}"))
            assert rows, name
            assert not any(row.problem for row in rows)


def test_half_an_entry_is_named() -> None:
    on_disk = a_log()
    path = on_disk.log.segments[0].stem + ".timeindex"
    del on_disk.disk.content(path)[-1:]
    assert "half an entry" in list(dump_file(on_disk.disk, path))[-1].problem


def test_a_file_that_no_log_has_is_refused() -> None:
    with pytest.raises(ValueError, match="not a file of a log"):
        dump_file(LogOnDisk().disk, "notes.txt")
