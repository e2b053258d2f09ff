"""ListOffsets by time: the first record as young as asked, and the youngest of all."""

from __future__ import annotations

import pytest
from log_harness import batch
from log_harness.batches import NOW_MS
from log_harness.logs import LogOnDisk

from broker.log import LogConfig
from protocol.records import Compression, Record, build_batch

CONFIG = LogConfig(segment_bytes=800, index_interval_bytes=150)


def with_times(*times: int, config: LogConfig = CONFIG) -> LogOnDisk:
    on_disk = LogOnDisk(config)
    for time in times:
        on_disk.append(batch(bytes(60), timestamp=NOW_MS + time), leader_epoch=2)
    return on_disk


@pytest.mark.parametrize("restart", [False, True])
def test_the_first_record_not_older_than_asked_is_found(restart: bool) -> None:
    on_disk = with_times(*range(0, 400, 10))
    if restart:
        on_disk.restart()
    for wanted, offset in ((0, 0), (-500, 0), (1, 1), (10, 1), (195, 20), (390, 39)):
        found = on_disk.log.offset_for_timestamp(NOW_MS + wanted, max_offset=40)
        assert found is not None, wanted
        assert (found.offset, found.timestamp, found.leader_epoch) == (offset, NOW_MS + 10 * offset, 2)
    assert on_disk.log.offset_for_timestamp(NOW_MS + 391, max_offset=40) is None


def test_times_out_of_order_give_the_first_offset_that_is_young_enough() -> None:
    on_disk = with_times(5, 50, 10, 60, 20)
    found = on_disk.log.offset_for_timestamp(NOW_MS + 15, max_offset=5)
    assert found is not None
    assert found.offset == 1


def test_within_a_batch_the_record_itself_is_found() -> None:
    on_disk = LogOnDisk()
    records = [Record(index, NOW_MS + index, None, b"x") for index in range(5)]
    on_disk.append(build_batch(records, compression=Compression.LZ4))
    found = on_disk.log.offset_for_timestamp(NOW_MS + 3, max_offset=5)
    assert found is not None
    assert (found.offset, found.timestamp) == (3, NOW_MS + 3)


def test_nothing_at_or_behind_max_offset_and_nothing_before_the_start_is_found() -> None:
    on_disk = with_times(*range(10))
    assert on_disk.log.offset_for_timestamp(NOW_MS + 7, max_offset=7) is None
    on_disk.log.advance_log_start(5)
    found = on_disk.log.offset_for_timestamp(NOW_MS, max_offset=10)
    assert found is not None
    assert found.offset == 5


def test_the_youngest_record_is_the_first_of_its_time() -> None:
    on_disk = with_times(*[1, 2] * 6, 99, *[1, 2] * 6, 99, 3)
    found = on_disk.log.offset_of_max_timestamp(max_offset=27)
    assert found is not None
    assert (found.offset, found.timestamp) == (12, NOW_MS + 99)
    below = on_disk.log.offset_of_max_timestamp(max_offset=12)
    assert below is not None
    assert (below.offset, below.timestamp) == (1, NOW_MS + 2)


def test_an_empty_log_has_no_youngest_record() -> None:
    assert LogOnDisk().log.offset_of_max_timestamp(max_offset=0) is None
