"""Compaction: only the latest record of each key remains, and nothing else about the log changes."""

from __future__ import annotations

import logging

import pytest
from log_harness import keyed_batch, records_of
from log_harness.batches import NOW_MS
from log_harness.logs import LogOnDisk
from simulation import SimulatedCrash, SimulatedFilesystem

from broker.log import AppendOrigin, LogConfig, PartitionLog
from protocol.records import ControlType, end_transaction_marker, iterate_batches

DELETE_RETENTION_MS = 1000
CONFIG = LogConfig(
    segment_bytes=1200,
    cleanup_policy=("compact",),
    delete_retention_ms=DELETE_RETENTION_MS,
    min_cleanable_dirty_ratio=0.0,
)


def compactible(disk: SimulatedFilesystem | None = None, config: LogConfig = CONFIG) -> LogOnDisk:
    return LogOnDisk(config, disk=disk)


def fill(on_disk: LogOnDisk, keys: int, rounds: int) -> dict[bytes, bytes]:
    """`rounds` values for each of `keys` keys; returns the latest of each."""
    latest: dict[bytes, bytes] = {}
    for number in range(rounds):
        for key in range(keys):
            pair = b"key-%d" % key, b"value-%d" % number
            on_disk.append(keyed_batch([pair]))
            latest[pair[0]] = pair[1]
    return latest


def everything(log: PartitionLog) -> list[tuple[int, bytes | None, bytes | None]]:
    """(offset, key, value) of every record but markers, through reads."""
    rows: list[tuple[int, bytes | None, bytes | None]] = []
    offset = log.log_start_offset
    while offset < log.log_end_offset:
        result = log.read(offset, max_bytes=500, max_offset=log.log_end_offset)
        assert result.end_offset > offset, f"nothing at {offset}"
        data = [
            result.records[position : position + header.size_bytes]
            for position, header in iterate_batches(result.records)
            if not header.is_control
        ]
        rows += [(record.offset, record.key, record.value) for record in records_of(b"".join(data))]
        offset = result.end_offset
    return rows


def latest_of(log: PartitionLog) -> dict[bytes, bytes]:
    return {key: value for _, key, value in everything(log) if key is not None and value is not None}


def test_every_key_keeps_its_latest_value_at_its_offset() -> None:
    on_disk = compactible()
    latest = fill(on_disk, keys=5, rounds=10)
    before = {offset: (key, value) for offset, key, value in everything(on_disk.log)}
    end_offset = on_disk.log.log_end_offset

    assert on_disk.compact(NOW_MS)

    after = everything(on_disk.log)
    assert latest_of(on_disk.log) == latest
    assert on_disk.log.log_end_offset == end_offset
    assert all(before[offset] == (key, value) for offset, key, value in after)
    assert len(after) < len(before) / 2


def test_the_active_segment_is_not_touched() -> None:
    on_disk = compactible()
    fill(on_disk, keys=2, rounds=20)
    active = on_disk.log.active
    content = bytes(on_disk.disk.content(active.log_path))
    on_disk.compact(NOW_MS)
    assert on_disk.log.active is active
    assert bytes(on_disk.disk.content(active.log_path)) == content


def test_what_is_not_below_the_high_watermark_is_not_compacted() -> None:
    on_disk = compactible()
    fill(on_disk, keys=2, rounds=20)
    first_segment_end = on_disk.log.segment_end_offset(0)
    assert not on_disk.compact(NOW_MS, high_watermark=first_segment_end - 1)
    assert on_disk.compact(NOW_MS, high_watermark=first_segment_end)


def test_compacting_again_changes_nothing() -> None:
    on_disk = compactible()
    fill(on_disk, keys=3, rounds=12)
    on_disk.compact(NOW_MS)
    once = everything(on_disk.log)
    on_disk.recompact(NOW_MS)  # merges what the first one left small
    names = on_disk.disk.list(on_disk.log.directory)
    on_disk.recompact(NOW_MS)
    assert everything(on_disk.log) == once
    assert on_disk.disk.list(on_disk.log.directory) == names


def test_a_tombstone_stays_until_its_delete_horizon_and_then_goes() -> None:
    on_disk = compactible()
    on_disk.append(keyed_batch([(b"gone", b"1")]))
    on_disk.append(keyed_batch([(b"gone", None)]))
    fill(on_disk, keys=3, rounds=12)

    on_disk.compact(NOW_MS)
    assert [row for row in everything(on_disk.log) if row[1] == b"gone"] == [(1, b"gone", None)]

    on_disk.recompact(NOW_MS + DELETE_RETENTION_MS - 1)
    assert [row for row in everything(on_disk.log) if row[1] == b"gone"] == [(1, b"gone", None)]

    on_disk.recompact(NOW_MS + DELETE_RETENTION_MS)
    assert [row for row in everything(on_disk.log) if row[1] == b"gone"] == []


def test_timestamps_survive_the_delete_horizon() -> None:
    on_disk = compactible()
    on_disk.append(keyed_batch([(b"gone", None), (b"kept", b"1")], timestamp=NOW_MS - 77))
    fill(on_disk, keys=3, rounds=12)
    on_disk.compact(NOW_MS)
    read = on_disk.log.read(0, max_bytes=100_000, max_offset=2)
    assert [record.timestamp for record in records_of(read.records)] == [NOW_MS - 77, NOW_MS - 77]


def test_a_producers_last_batch_stays_empty_so_that_its_sequence_is_known_after_a_restart() -> None:
    on_disk = compactible()
    sent = keyed_batch([(b"key-0", b"x")], producer_id=9, producer_epoch=0, base_sequence=0)
    on_disk.append(sent)
    fill(on_disk, keys=2, rounds=20)
    on_disk.compact(NOW_MS)
    assert all(row[2] != b"x" for row in everything(on_disk.log))
    for name in on_disk.disk.list(on_disk.log.directory):
        if name.endswith(".snapshot"):
            on_disk.disk.remove(f"{on_disk.log.directory}/{name}")

    on_disk.kill()

    result = on_disk.log.append_as_leader(sent, leader_epoch=1, now_ms=NOW_MS)
    assert result.is_duplicate
    assert result.base_offset == 0


def test_aborted_records_go_and_a_marker_outlives_its_data() -> None:
    on_disk = compactible()
    on_disk.append(
        keyed_batch([(b"a", b"aborted")], producer_id=5, producer_epoch=0, base_sequence=0, transactional=True)
    )
    marker = end_transaction_marker(
        ControlType.ABORT, producer_id=5, producer_epoch=0, coordinator_epoch=1, timestamp_ms=NOW_MS
    )
    on_disk.append(marker, origin=AppendOrigin.COORDINATOR)
    fill(on_disk, keys=3, rounds=12)
    on_disk.log.last_stable_offset(on_disk.log.log_end_offset)

    on_disk.compact(NOW_MS)

    assert all(row[2] != b"aborted" for row in everything(on_disk.log))
    assert [entry.first_offset for entry in on_disk.log.aborted_transactions(0, 10)] == [0]
    headers = [h for _, h in iterate_batches(on_disk.log.read(0, max_bytes=100_000, max_offset=2).records)]
    assert any(header.is_control for header in headers)


def test_the_marker_goes_after_delete_retention_ms_once_its_data_is_gone() -> None:
    on_disk = compactible()
    on_disk.append(
        keyed_batch([(b"key-0", b"committed")], producer_id=5, producer_epoch=0, base_sequence=0, transactional=True)
    )
    marker = end_transaction_marker(
        ControlType.COMMIT, producer_id=5, producer_epoch=0, coordinator_epoch=1, timestamp_ms=NOW_MS
    )
    on_disk.append(marker, origin=AppendOrigin.COORDINATOR)
    later = keyed_batch([(b"later", b"1")], producer_id=5, producer_epoch=0, base_sequence=1)
    on_disk.append(later)
    fill(on_disk, keys=2, rounds=20)

    def markers() -> int:
        read = on_disk.log.read(0, max_bytes=100_000, max_offset=on_disk.log.log_end_offset)
        return sum(header.is_control for _, header in iterate_batches(read.records))

    on_disk.compact(NOW_MS)
    assert markers() == 1  # this pass still met the data
    on_disk.recompact(NOW_MS + 1)
    assert markers() == 1  # the next did not, and gave the marker its horizon
    on_disk.recompact(NOW_MS + 1 + DELETE_RETENTION_MS)
    assert markers() == 0


def test_an_open_transaction_holds_compaction_back() -> None:
    on_disk = compactible()
    on_disk.append(keyed_batch([(b"a", b"open")], producer_id=5, producer_epoch=0, base_sequence=0, transactional=True))
    fill(on_disk, keys=2, rounds=20)
    assert not on_disk.compact(NOW_MS)


def test_small_segments_are_merged_up_to_segment_bytes() -> None:
    on_disk = compactible()
    fill(on_disk, keys=2, rounds=60)
    many = len(on_disk.log.segments)
    on_disk.compact(NOW_MS)
    on_disk.recompact(NOW_MS)
    assert len(on_disk.log.segments) < many / 3
    names = [name for name in on_disk.disk.list(on_disk.log.directory) if name.endswith(".log")]
    assert [int(name[:20]) for name in names] == [segment.base_offset for segment in on_disk.log.segments]


def test_little_memory_makes_several_rounds_of_it() -> None:
    on_disk = LogOnDisk(CONFIG, cleaner_memory_bytes=160 * 8)
    latest = fill(on_disk, keys=30, rounds=6)
    rounds = 0
    while on_disk.compact(NOW_MS):
        rounds += 1
    assert rounds > 1
    assert latest_of(on_disk.log) == latest


def test_min_compaction_lag_keeps_young_records() -> None:
    on_disk = compactible(config=LogConfig(segment_bytes=1200, cleanup_policy=("compact",), min_compaction_lag_ms=50))
    fill(on_disk, keys=2, rounds=20)
    assert not on_disk.compact(NOW_MS + 40)
    assert on_disk.compact(NOW_MS + 60)


def test_max_compaction_lag_overrules_the_dirty_ratio() -> None:
    config = LogConfig(
        segment_bytes=1200, cleanup_policy=("compact",), min_cleanable_dirty_ratio=1.1, max_compaction_lag_ms=5000
    )
    on_disk = compactible(config=config)
    fill(on_disk, keys=2, rounds=20)
    assert not on_disk.compact(NOW_MS + 4000)
    assert on_disk.compact(NOW_MS + 6000)


def test_a_log_that_was_cut_meanwhile_is_left_as_it_is() -> None:
    on_disk = compactible()
    fill(on_disk, keys=2, rounds=30)
    on_disk.logs.checkpoint(0)
    work = on_disk.cleaner.choose(NOW_MS, lambda log: log.log_end_offset)
    assert work is not None
    compaction = on_disk.cleaner.begin(work, NOW_MS)
    compaction.run()
    on_disk.log.truncate_to(5)
    before = everything(on_disk.log)
    assert not on_disk.cleaner.finish(compaction)
    assert everything(on_disk.log) == before
    assert not [name for name in on_disk.disk.list(on_disk.log.directory) if name.endswith(".cleaned")]


def test_a_damaged_segment_is_not_compacted_away(caplog: pytest.LogCaptureFixture) -> None:
    on_disk = compactible()
    fill(on_disk, keys=2, rounds=20)
    on_disk.disk.damage(on_disk.log.segments[0].log_path, 100, b"\xff\xff\xff")
    with caplog.at_level(logging.ERROR):
        assert not on_disk.compact(NOW_MS)
    assert "damaged" in caplog.text
    assert on_disk.cleaner.choose(NOW_MS, lambda log: log.log_end_offset) is None


@pytest.mark.parametrize("power_loss", [True, False])
def test_a_crash_at_any_step_of_a_compaction_loses_no_key_and_brings_none_back(power_loss: bool) -> None:
    steps = 0
    for step in range(1, 400):
        on_disk = compactible(SimulatedFilesystem(seed=step))
        on_disk.append(keyed_batch([(b"gone", b"1")]))
        on_disk.append(keyed_batch([(b"gone", None)]))
        latest = fill(on_disk, keys=3, rounds=20)
        on_disk.compact(NOW_MS)
        fill(on_disk, keys=3, rounds=20)
        end_offset = on_disk.log.log_end_offset
        on_disk.logs.checkpoint(0)
        on_disk.disk.crash_at = on_disk.disk.operations + step
        try:
            on_disk.recompact(NOW_MS + DELETE_RETENTION_MS)
            break
        except SimulatedCrash:
            steps += 1
        on_disk.kill(power_loss=power_loss)
        assert on_disk.log.log_end_offset == end_offset
        assert latest_of(on_disk.log) == latest
        leftovers = [name for name in on_disk.disk.list(on_disk.log.directory) if name.endswith((".cleaned", ".swap"))]
        assert not leftovers
        on_disk.recompact(NOW_MS + DELETE_RETENTION_MS)
        assert latest_of(on_disk.log) == latest
    assert steps > 20
