"""Segments that somebody removed or cut while the node was down: the log is offline, and no hole is served."""

from __future__ import annotations

import logging

import pytest
from log_harness import batch, keyed_batch, records_of
from log_harness.batches import NOW_MS
from log_harness.logs import DIRECTORY, TOPIC, LogOnDisk
from simulation import SimulatedCrash, SimulatedFilesystem

from broker.log import LogConfig, LogManager

SMALL = LogConfig(segment_bytes=400, index_interval_bytes=50)
COMPACTED = LogConfig(segment_bytes=400, index_interval_bytes=50, cleanup_policy=("compact",))
KEY = (TOPIC, 0)


def filled(config: LogConfig = SMALL, *, seed: int = 1) -> LogOnDisk:
    """A log of several segments, all of it below the recovery point."""
    on_disk = LogOnDisk(config, disk=SimulatedFilesystem(seed=seed))
    for number in range(12):
        on_disk.append(keyed_batch([(b"%d" % number, bytes(100))], timestamp=NOW_MS + number))
    on_disk.logs.checkpoint(0)
    assert len(on_disk.log.segments) > 4
    return on_disk


def start(on_disk: LogOnDisk) -> LogManager:
    logs = LogManager(on_disk.disk.kill(), DIRECTORY)
    logs.load_all()
    logs.replay([])
    return logs


@pytest.mark.parametrize("clean", [True, False], ids=["after a clean stop", "after a crash"])
@pytest.mark.parametrize("index", [0, 2, -1], ids=["first", "middle", "last"])
def test_a_missing_segment_takes_its_log_offline_and_is_named(
    index: int, clean: bool, caplog: pytest.LogCaptureFixture
) -> None:
    on_disk = filled()
    if clean:
        on_disk.logs.close()
    path = on_disk.log.segments[index].log_path
    on_disk.disk.remove(path)
    with caplog.at_level(logging.ERROR):
        logs = start(on_disk)
    if index == 0:
        assert "its first segments are missing" in logs.offline[KEY]
    elif index == 2:
        assert f"{path.rpartition('/')[2]} is missing" in logs.offline[KEY]
    else:
        assert (
            "when this node was stopped" in logs.offline[KEY] or on_disk.log.segments[-2].log_path in logs.offline[KEY]
        )
    assert "restore the files" in logs.offline[KEY]
    assert "offline" in caplog.text


def test_a_log_without_any_segment_is_offline() -> None:
    on_disk = filled()
    for segment in on_disk.log.segments:
        on_disk.disk.remove(segment.log_path)
    assert "has no segment" in start(on_disk).offline[KEY]


def test_a_segment_cut_at_the_end_of_a_batch_after_a_clean_stop_is_noticed() -> None:
    """The recovery point said where the log ends, and nobody looked whether its file does."""
    on_disk = filled()
    on_disk.logs.close()
    active = on_disk.log.active
    content = on_disk.disk.content(active.log_path)
    del content[-len(keyed_batch([(b"11", bytes(100))])) :]
    assert "when this node was stopped" in start(on_disk).offline[KEY]


def test_what_was_lost_stays_offline_at_the_start_after_the_next_too() -> None:
    on_disk = filled(COMPACTED)
    on_disk.logs.close()
    last = on_disk.log.segments[-1].log_path
    on_disk.disk.remove(last)
    assert start(on_disk).offline
    on_disk.disk = on_disk.disk.kill()
    assert start(on_disk).offline


def test_restored_files_bring_the_log_back() -> None:
    on_disk = filled()
    on_disk.logs.close()
    path = on_disk.log.segments[2].log_path
    saved = bytes(on_disk.disk.content(path))
    on_disk.disk.remove(path)
    assert start(on_disk).offline
    disk = on_disk.disk.kill()
    disk.open(path, create=True).append([saved])
    on_disk.disk = disk
    assert not start(on_disk).offline


def test_more_than_was_there_is_looked_at() -> None:
    """What stands behind the recovery point is verified, as after a crash."""
    on_disk = filled()
    on_disk.logs.close()
    on_disk.disk.content(on_disk.log.active.log_path).extend(b"garbage")
    logs = start(on_disk)
    assert not logs.offline
    (log,) = logs.logs.values()
    assert log.log_end_offset == 12


@pytest.mark.parametrize("clean", [True, False], ids=["after a clean stop", "after a crash"])
def test_a_compacted_log_joins_and_a_segment_missing_from_it_is_noticed(clean: bool) -> None:
    on_disk = LogOnDisk(COMPACTED)
    for number in range(40):
        on_disk.append(keyed_batch([(b"same", bytes(150))], timestamp=NOW_MS + number))
        if number % 10 == 9:
            on_disk.append(keyed_batch([(b"%d" % number, bytes(150))], timestamp=NOW_MS + number))
    assert on_disk.compact(NOW_MS + 100)
    on_disk.logs.checkpoint(0)
    if clean:
        on_disk.logs.close()
    assert len(on_disk.log.segments) > 2
    assert not start(on_disk).offline
    on_disk.disk = on_disk.disk.kill()
    on_disk.disk.remove(on_disk.log.segments[1].log_path)
    assert start(on_disk).offline


def test_a_log_begun_anew_further_on_misses_nothing() -> None:
    """A follower too far behind starts where its leader's log does; the checkpoint files may still say where it was."""
    on_disk = filled()
    on_disk.log.truncate_fully_and_start_at(500)
    logs = start(on_disk)
    assert not logs.offline


def test_segments_join_where_a_cut_fell_into_a_gap() -> None:
    """A follower of a compacted leader has gaps; one cut there began its next segment behind the gap, and the recovery
    of a crash took that segment for a remnant."""
    on_disk = LogOnDisk(SMALL)
    for offset in (0, 1, 50):
        on_disk.log.append_as_follower(batch(bytes(100), base_offset=offset, partition_leader_epoch=1))
        on_disk.log.write_out()
    on_disk.log.truncate_to(30)
    on_disk.log.roll()
    on_disk.append(batch(b"after"), leader_epoch=2)
    on_disk.disk = on_disk.disk.kill()
    (log,) = start(on_disk).logs.values()
    found = records_of(log.read(30, max_bytes=1 << 20, max_offset=log.log_end_offset).records)
    assert [record.value for record in found] == [b"after"]


def test_a_time_index_that_lies_is_made_anew_before_retention_believes_it() -> None:
    on_disk = filled()
    on_disk.logs.close()
    index = on_disk.log.segments[1].time_index.path
    content = on_disk.disk.content(index)
    content[-12:-4] = (1).to_bytes(8, "big")
    (log,) = start(on_disk).logs.values()
    assert log.segments[1].max_timestamp >= NOW_MS


@pytest.mark.parametrize("seed", range(12))
def test_what_a_stop_left_is_gone_durably_even_where_a_start_died_over_it(seed: int) -> None:
    """The next start found nothing to remove, synced nothing, and a power cut brought the sizes back."""
    on_disk = filled(seed=seed)
    on_disk.logs.close()
    died = on_disk.disk.kill()
    died.crash_at = _changes_until_synced(died.kill())
    with pytest.raises(SimulatedCrash):
        LogManager(died, DIRECTORY).load_all()
    disk = died.kill()
    logs = LogManager(disk, DIRECTORY)
    logs.load_all()
    logs.replay([])
    (log,) = logs.logs.values()
    log.truncate_to(3)
    on_disk.disk = disk.power_loss()
    assert not start(on_disk).offline


def _changes_until_synced(disk: SimulatedFilesystem) -> int:
    """How many of a start's changes there are until it syncs what it has removed."""
    LogManager(disk, DIRECTORY).load_all()
    operations = [operation for operation, _ in disk.trace]
    return operations.index("sync_directory", operations.index("remove")) + 1


def test_the_age_of_a_segment_with_damaged_records_is_what_its_index_says() -> None:
    """Retention and compaction of every other log must not stop for it."""
    on_disk = filled()
    on_disk.logs.close()
    segment = on_disk.log.segments[1]
    content = on_disk.disk.content(segment.log_path)
    content[:] = bytes(len(content))
    (log,) = start(on_disk).logs.values()
    assert log.segments[1].max_timestamp >= NOW_MS
