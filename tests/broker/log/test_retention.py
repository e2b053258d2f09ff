"""Retention: by time, by size, by the log's start; what is not committed stays."""

from __future__ import annotations

import pytest
from log_harness import batch, records_of
from log_harness.batches import NOW_MS
from log_harness.logs import LogOnDisk

from broker.log import LogConfig, remove_paths
from protocol.errors import KafkaError


def filled(config: LogConfig, count: int = 12) -> LogOnDisk:
    on_disk = LogOnDisk(config)
    for number in range(count):
        on_disk.append(batch(bytes(100), timestamp=NOW_MS + number), now_ms=NOW_MS + number)
    return on_disk


def files(on_disk: LogOnDisk) -> list[str]:
    return [name for name in on_disk.disk.list(on_disk.log.directory) if name.endswith(".log")]


def test_segments_older_than_retention_ms_go() -> None:
    on_disk = filled(LogConfig(segment_bytes=400, retention_ms=1000))
    youngest_of_first = on_disk.log.segments[0].max_timestamp
    assert on_disk.log.apply_retention(youngest_of_first + 1000, 12) == 0
    assert on_disk.log.apply_retention(youngest_of_first + 1001, 12) == 1
    assert on_disk.log.log_start_offset == on_disk.log.segments[0].base_offset > 0
    with pytest.raises(KafkaError):
        on_disk.log.read(0, max_bytes=100, max_offset=12)


def test_an_expired_active_segment_is_rolled_and_offsets_go_on() -> None:
    on_disk = filled(LogConfig(retention_ms=1000))
    assert on_disk.log.apply_retention(NOW_MS + 5000, 12) == 1
    assert (on_disk.log.log_start_offset, on_disk.log.log_end_offset) == (12, 12)
    on_disk.logs.checkpoint(0)
    on_disk.entries.clear()
    on_disk.kill(power_loss=True)
    assert (on_disk.log.log_start_offset, on_disk.log.log_end_offset) == (12, 12)
    assert on_disk.append(batch(b"on")).base_offset == 12


def test_what_is_not_below_the_high_watermark_stays_however_old() -> None:
    on_disk = filled(LogConfig(segment_bytes=400, retention_ms=1))
    end_of_first = on_disk.log.segment_end_offset(0)
    assert on_disk.log.apply_retention(NOW_MS + 10**6, end_of_first - 1) == 0
    assert on_disk.log.apply_retention(NOW_MS + 10**6, end_of_first) == 1


def test_retention_bytes_keeps_at_least_so_many() -> None:
    on_disk = filled(LogConfig(segment_bytes=400, retention_bytes=1000), count=20)
    on_disk.log.apply_retention(NOW_MS, 20)
    assert 1000 <= on_disk.log.size_bytes < 1400


@pytest.mark.parametrize("policy", [("compact",), ()])
def test_without_delete_nothing_goes_for_age_or_size(policy: tuple[str, ...]) -> None:
    on_disk = LogOnDisk(LogConfig(segment_bytes=400, retention_ms=1, retention_bytes=1, cleanup_policy=policy))
    for _ in range(12):
        on_disk.log.append_as_leader(batch(bytes(100)) if not policy else _keyed(), leader_epoch=0, now_ms=NOW_MS)
    on_disk.write_out()
    assert on_disk.log.apply_retention(NOW_MS + 10**9, 12) == 0


def _keyed() -> bytes:
    from log_harness import keyed_batch

    return keyed_batch([(b"k", bytes(100))])


def test_minus_one_keeps_for_ever() -> None:
    on_disk = filled(LogConfig(segment_bytes=400, retention_ms=-1))
    assert on_disk.log.apply_retention(NOW_MS + 10**12, 12) == 0


def test_deleted_records_are_out_of_reach_at_once_and_their_segments_go_with_retention() -> None:
    on_disk = filled(LogConfig(segment_bytes=400, retention_ms=-1))
    on_disk.log.advance_log_start(7)
    with pytest.raises(KafkaError):
        on_disk.log.read(6, max_bytes=100, max_offset=12)
    assert on_disk.log.apply_retention(NOW_MS, 12) == 3
    assert on_disk.log.log_start_offset == 7


def test_files_go_after_a_checkpoint_and_their_delay() -> None:
    on_disk = filled(LogConfig(segment_bytes=400, retention_ms=1000, file_delete_delay_ms=500))
    before = files(on_disk)
    on_disk.log.apply_retention(NOW_MS + 2000, 12)
    assert set(before) <= set(files(on_disk))
    on_disk.logs.checkpoint(0)
    assert not set(before) & set(files(on_disk))
    assert remove_paths(on_disk.disk, on_disk.logs.take_deleted(NOW_MS)) == 0
    deleted = [name for name in on_disk.disk.list(on_disk.log.directory) if name.endswith(".deleted")]
    assert deleted
    assert remove_paths(on_disk.disk, on_disk.logs.take_deleted(NOW_MS + 500)) == len(deleted)
    assert not [name for name in on_disk.disk.list(on_disk.log.directory) if name.endswith(".deleted")]


def test_what_was_appended_in_this_turn_is_not_deleted_with_the_segment_it_will_be_written_to() -> None:
    """The whole log is due for its age, and a record arrives just before retention runs: it was written to the segment
    that went, and acknowledged."""
    node = LogOnDisk(LogConfig(retention_ms=1000))
    node.append(batch(b"old", timestamp=NOW_MS))
    later_ms = NOW_MS + 10_000
    node.log.append_as_leader(batch(b"new", timestamp=later_ms), leader_epoch=1, now_ms=later_ms)
    node.log.apply_retention(later_ms, 1)
    node.write_out()
    found = node.log.read(node.log.log_start_offset, max_bytes=1 << 20, max_offset=2)
    assert [record.value for record in records_of(found.records)][-1:] == [b"new"]
