"""When a segment's offset and time index are made: together, and only where there is something to find by them."""

from __future__ import annotations

import pytest
from log_harness import batch
from log_harness.batches import NOW_MS
from log_harness.logs import LogOnDisk

from broker.log import LogConfig
from broker.log.time_index import NO_TIMESTAMP

CONFIG = LogConfig(index_interval_bytes=150)
BOTH = [".index", ".timeindex"]


def indexes(on_disk: LogOnDisk, segment: int = 0) -> list[str]:
    stem = on_disk.log.segments[segment].stem.rpartition("/")[2]
    names = on_disk.disk.list(on_disk.log.directory)
    return [name.removeprefix(stem) for name in names if name.startswith(stem) and name.endswith("index")]


def append(on_disk: LogOnDisk, *timestamps: int) -> None:
    for timestamp in timestamps:
        on_disk.append(batch(bytes(60), timestamp=timestamp))


def test_a_stop_makes_no_index_for_a_segment_that_is_read_at_one_look() -> None:
    on_disk = LogOnDisk(CONFIG)
    append(on_disk, NOW_MS)
    on_disk.restart()
    assert indexes(on_disk) == []


def test_a_checkpoint_makes_both_once_there_is_an_entry() -> None:
    on_disk = LogOnDisk(CONFIG)
    append(on_disk, *range(NOW_MS, NOW_MS + 4))
    on_disk.logs.checkpoint(0)
    assert indexes(on_disk) == BOTH


def test_a_checkpoint_makes_both_where_no_record_has_a_timestamp() -> None:
    on_disk = LogOnDisk(CONFIG)
    append(on_disk, *[NO_TIMESTAMP] * 4)
    on_disk.logs.checkpoint(0)
    assert indexes(on_disk) == BOTH
    assert not on_disk.disk.content(on_disk.log.active.time_index.path)


def test_a_sealed_segment_has_both_however_small_it_is() -> None:
    on_disk = LogOnDisk(CONFIG)
    append(on_disk, NOW_MS)
    on_disk.log.roll()
    assert indexes(on_disk) == BOTH
    assert not on_disk.disk.content(on_disk.log.segments[0].offset_index.path)


@pytest.mark.parametrize("missing", BOTH)
def test_a_sealed_segment_that_lost_one_is_given_both_by_the_next_start(missing: str) -> None:
    on_disk = LogOnDisk(CONFIG)
    append(on_disk, *range(NOW_MS, NOW_MS + 4))
    on_disk.log.roll()
    on_disk.logs.close()
    on_disk.disk.remove(on_disk.log.segments[0].stem + missing)
    on_disk.start()
    assert indexes(on_disk) == BOTH
    assert on_disk.disk.content(on_disk.log.segments[0].stem + missing)


def test_a_time_index_that_stands_alone_is_given_its_offset_index_by_the_next_checkpoint() -> None:
    """As stops of earlier versions left them."""
    on_disk = LogOnDisk(CONFIG)
    append(on_disk, NOW_MS)
    on_disk.logs.close()
    on_disk.log.disk.write_new(on_disk.log.active.time_index.path, [NOW_MS.to_bytes(8, "big") + bytes(4)])
    on_disk.start()
    append(on_disk, NOW_MS + 1)
    on_disk.logs.checkpoint(0)
    assert indexes(on_disk) == BOTH


@pytest.mark.parametrize("end", ["stop", "kill", "power loss"])
@pytest.mark.parametrize("timestamps", [[9], [9, 5], [NO_TIMESTAMP, NO_TIMESTAMP, NO_TIMESTAMP, NO_TIMESTAMP, 9, 5]])
def test_the_youngest_record_is_known_after_a_start_whether_an_index_notes_it_or_not(
    timestamps: list[int], end: str
) -> None:
    on_disk = LogOnDisk(CONFIG)
    append(on_disk, *timestamps)
    if end == "stop":
        on_disk.restart()
    else:
        on_disk.logs.checkpoint(0)
        on_disk.kill(power_loss=end == "power loss")
    append(on_disk, 7)
    assert on_disk.log.active.max_timestamp == 9
    assert on_disk.log.active.offset_of_max_timestamp == timestamps.index(9)
