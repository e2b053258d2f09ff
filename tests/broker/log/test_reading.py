"""Reads: limits, the end of what may be seen, and segments one after another."""

from __future__ import annotations

import pytest
from log_harness import batch, records_of
from log_harness.batches import NOW_MS
from log_harness.logs import LogOnDisk

from broker.log import LogConfig
from broker.log.reading import POSITIONS_KEPT
from protocol.errors import ErrorCode, KafkaError
from protocol.records import iterate_batches


def filled(count: int, *, size: int = 100, config: LogConfig | None = None) -> LogOnDisk:
    on_disk = LogOnDisk(config)
    for _ in range(count):
        on_disk.append(batch(bytes(size)))
    return on_disk


def test_a_read_starts_with_the_batch_that_holds_the_offset() -> None:
    on_disk = LogOnDisk()
    on_disk.append(batch(b"a", b"b", b"c"))
    read = on_disk.log.read(2, max_bytes=1000, max_offset=3)
    assert [record.offset for record in records_of(read.records)] == [0, 1, 2]
    assert read.end_offset == 3


@pytest.mark.parametrize("offset", [-1, 4])
def test_offsets_outside_of_the_log_are_out_of_range(offset: int) -> None:
    with pytest.raises(KafkaError) as refused:
        filled(3).log.read(offset, max_bytes=1000, max_offset=10)
    assert refused.value.code is ErrorCode.OFFSET_OUT_OF_RANGE


def test_the_end_of_the_log_is_empty_and_not_out_of_range() -> None:
    read = filled(3).log.read(3, max_bytes=1000, max_offset=3)
    assert (read.records, read.end_offset) == (b"", 3)


def test_nothing_at_or_behind_max_offset_is_read() -> None:
    on_disk = filled(10)
    for max_offset in range(11):
        read = on_disk.log.read(0, max_bytes=100_000, max_offset=max_offset)
        assert read.end_offset == max_offset


def test_the_first_batch_comes_whole_however_small_the_limit_if_one_is_wanted() -> None:
    on_disk = filled(3)
    assert on_disk.log.read(0, max_bytes=1, max_offset=3, at_least_one_batch=True).end_offset == 1
    assert on_disk.log.read(0, max_bytes=1, max_offset=3, at_least_one_batch=False).records == b""


def test_a_read_ends_at_its_segment_and_the_next_goes_on() -> None:
    on_disk = filled(20, config=LogConfig(segment_bytes=500))
    offset, reads = 0, 0
    while offset < 20:
        read = on_disk.log.read(offset, max_bytes=100_000, max_offset=20)
        assert [header.base_offset for _, header in iterate_batches(read.records)] == list(
            range(offset, read.end_offset)
        )
        offset = read.end_offset
        reads += 1
    assert reads == len(on_disk.log.segments)


def test_a_consumer_that_goes_on_where_it_was_needs_no_search() -> None:
    on_disk = filled(30)
    first = on_disk.log.read(0, max_bytes=500, max_offset=30)
    assert on_disk.log.read_positions.use(first.end_offset) is not None


def test_readers_of_the_same_records_go_on_where_the_first_of_them_did() -> None:
    """The followers of a partition fetch the same: only the first would be spared the search."""
    on_disk = filled(30)
    first = on_disk.log.read(0, max_bytes=500, max_offset=30)
    reads = [on_disk.log.read(first.end_offset, max_bytes=500, max_offset=30) for _ in range(3)]
    assert on_disk.log.read_positions.use(first.end_offset) is not None
    assert [bytes(read.records) for read in reads] == [bytes(reads[0].records)] * 3


def test_places_of_readers_that_never_came_back_are_forgotten() -> None:
    on_disk = filled(200)
    for offset in range(200):
        on_disk.log.read(offset, max_bytes=1, max_offset=200)
    positions = on_disk.log.read_positions
    assert len([offset for offset in range(201) if positions.use(offset) is not None]) <= POSITIONS_KEPT + 4


def test_many_partitions_work_with_few_open_files() -> None:
    on_disk = LogOnDisk(LogConfig(segment_bytes=300), open_files_max=2)
    logs = [on_disk.logs.get_or_create("many", b"m" * 16, index) for index in range(20)]
    for _ in range(3):
        for log in logs:
            log.append_as_leader(batch(b"x"), leader_epoch=0, now_ms=NOW_MS)
            log.write_out()
    for log in logs:
        assert log.read(0, max_bytes=10_000, max_offset=3).end_offset == 3
    on_disk.kill()
    reopened = [log for log in on_disk.logs.logs.values() if log.topic == "many"]
    assert [log.log_end_offset for log in reopened] == [3] * 20
