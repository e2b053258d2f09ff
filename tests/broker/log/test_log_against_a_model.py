"""Appends, reads, cuts, deletions and restarts in any order, beside a list that does the same."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from log_harness import batch, records_of
from log_harness.batches import NOW_MS
from log_harness.logs import LogOnDisk

from broker.log import LogConfig

CONFIG = LogConfig(segment_bytes=900, index_interval_bytes=150)

APPEND = st.tuples(st.just("append"), st.lists(st.binary(max_size=120), min_size=1, max_size=4))
CUT = st.tuples(st.just("truncate"), st.floats(0, 1))
DELETE = st.tuples(st.just("delete"), st.floats(0, 1))
RESTART = st.tuples(st.just("restart"), st.booleans())
READ = st.tuples(st.just("read"), st.tuples(st.floats(0, 1), st.integers(1, 2000), st.floats(0, 1)))


@settings(max_examples=150)
@given(st.lists(st.one_of(APPEND, APPEND, APPEND, CUT, DELETE, RESTART, READ, READ), max_size=40))
def test_the_log_is_a_list_of_batches(steps: list[tuple[str, object]]) -> None:
    on_disk = LogOnDisk(CONFIG)
    batches: list[tuple[int, list[bytes]]] = []  # (base offset, values)
    start = end = 0
    for step, argument in steps:
        log = on_disk.log
        if step == "append":
            assert isinstance(argument, list)
            assert on_disk.append(batch(*argument)).base_offset == end
            batches.append((end, argument))
            end += len(argument)
        elif step == "truncate":
            assert isinstance(argument, float)
            offset = start + round(argument * (end - start))
            log.truncate_to(offset)
            batches = [(base, values) for base, values in batches if base + len(values) <= offset]
            end = batches[-1][0] + len(batches[-1][1]) if batches else min(offset, end)
            on_disk.logs.checkpoint(0)
            on_disk.entries.clear()
            end = log.log_end_offset if not batches else end
            start = min(start, end)
        elif step == "delete":
            assert isinstance(argument, float)
            start = start + round(argument * (end - start))
            log.advance_log_start(start)
            log.apply_retention(NOW_MS, end)
            on_disk.logs.checkpoint(0)
            on_disk.entries.clear()
        elif step == "restart":
            if argument:
                on_disk.restart()
            else:
                on_disk.kill()
        else:
            assert isinstance(argument, tuple)
            check_read(on_disk, batches, start, end, argument)
        assert (on_disk.log.log_start_offset, on_disk.log.log_end_offset) == (start, end)
    check_read(on_disk, batches, start, end, (0.0, 10_000, 1.0))


def check_read(
    on_disk: LogOnDisk,
    batches: list[tuple[int, list[bytes]]],
    start: int,
    end: int,
    argument: tuple[float, int, float],
) -> None:
    """A read gives whole batches from the one with `offset` on: at least one, else no more bytes than asked for."""
    where, max_bytes, limit = argument
    offset = start + round(where * (end - start))
    ends = [base + len(values) for base, values in batches if base + len(values) > offset]
    max_offset = ends[round(limit * (len(ends) - 1))] if ends else end
    result = on_disk.log.read(offset, max_bytes=max_bytes, max_offset=max_offset)
    expected = [(base, values) for base, values in batches if offset < base + len(values) <= max_offset]
    records = records_of(result.records)
    assert bool(records) == bool(expected)
    if expected:
        count = len(records)
        flat = [(base + index, value) for base, values in expected for index, value in enumerate(values)]
        assert [(record.offset, record.value) for record in records] == flat[:count]
        assert result.end_offset == flat[count - 1][0] + 1
        assert len(result.records) <= max_bytes or result.end_offset == expected[0][0] + len(expected[0][1])
