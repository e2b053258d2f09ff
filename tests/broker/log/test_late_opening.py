"""What a start could not open: opened while the others are served, with all that the journal has of it."""

from __future__ import annotations

import errno
import logging

import pytest
from log_harness import batch, run_late_opening_seed
from log_harness.batches import NOW_MS, records_of
from log_harness.logs import DIRECTORY, TOPIC, TOPIC_ID, LogOnDisk
from simulation import SimulatedFilesystem

from broker.log import LogConfig, LogManager, PartitionLog, journal_entries
from broker.log.opening import ROOM_TO_SPARE_BYTES
from wal import CorruptionError, Entry

KEY = (TOPIC, 0)
VALUES = [b"%d" % number * 3000 for number in range(5)]
SEEDS = 200


def start(on_disk: LogOnDisk, *, opens_later: bool = True) -> LogManager:
    logs = LogManager(on_disk.disk, DIRECTORY, config_of=lambda topic: on_disk.config, opens_later=opens_later)
    logs.load_all()
    logs.replay(on_disk.entries)
    return logs


def open_later(logs: LogManager, entries: list[Entry]) -> None:
    for key in logs.to_load_again():
        logs.load_again(*key)
    for entry in entries:
        logs.repeat(entry)
    logs.finish_repeating(NOW_MS)


def journalled_only() -> LogOnDisk:
    """The power went before a checkpoint: the journal has the records, the segments have nothing."""
    on_disk = LogOnDisk(LogConfig(segment_bytes=10_000))
    for value in VALUES:
        on_disk.append(batch(value))
    lose_segments(on_disk)
    return on_disk


def lose_segments(on_disk: LogOnDisk) -> None:
    """As a power loss may, if none of them was synced."""
    on_disk.disk = on_disk.disk.kill()
    for log in on_disk.logs.logs.values():
        for segment in log.segments:
            del on_disk.disk.content(segment.log_path)[:]


def started_without_room(*, room_bytes: int = 2000) -> tuple[LogOnDisk, LogManager]:
    on_disk = journalled_only()
    on_disk.disk.capacity_bytes = on_disk.disk.names.used_bytes() + room_bytes
    logs = start(on_disk)
    assert KEY in logs.offline
    return on_disk, logs


def values_of(log: PartitionLog) -> list[bytes | None]:
    read = log.read(0, max_bytes=1 << 20, max_offset=log.log_end_offset, at_least_one_batch=True)
    values = [record.value for record in records_of(bytes(read.records))]
    if read.end_offset < log.log_end_offset:
        read = log.read(read.end_offset, max_bytes=1 << 20, max_offset=log.log_end_offset, at_least_one_batch=True)
        values += [record.value for record in records_of(bytes(read.records))]
    return values


def test_a_log_that_found_no_room_is_whole_when_there_is_room(caplog: pytest.LogCaptureFixture) -> None:
    on_disk, logs = started_without_room()
    assert logs.waits(*KEY)
    open_later(logs, on_disk.entries)  # there is none yet
    assert logs.find(TOPIC_ID, 0) is None and KEY in logs.offline

    on_disk.disk.capacity_bytes = None
    open_later(logs, on_disk.entries)

    log = logs.find(TOPIC_ID, 0)
    assert log is not None and values_of(log) == VALUES
    assert not logs.offline and not logs.waits(*KEY)
    assert caplog.text.count("orders-0 is offline, and opened when the disk lets it") == 1


def test_the_journal_is_kept_until_it_is_opened_and_may_then_be_trimmed() -> None:
    on_disk, logs = started_without_room()
    assert logs.checkpoint(len(on_disk.entries) + 1) == 0
    on_disk.disk.capacity_bytes = None
    open_later(logs, on_disk.entries)

    trimmed_below = logs.checkpoint(len(on_disk.entries) + 1)

    assert trimmed_below == len(on_disk.entries) + 1
    on_disk.entries.clear()
    on_disk.disk = on_disk.disk.power_loss()
    log = start(on_disk).find(TOPIC_ID, 0)
    assert log is not None and values_of(log) == VALUES


def test_nothing_is_tried_before_there_is_room_for_what_the_journal_has(caplog: pytest.LogCaptureFixture) -> None:
    """It would fill the disk to the last byte, and a journal that finds no room fails until the restart."""
    on_disk, logs = started_without_room()
    used_bytes = on_disk.disk.names.used_bytes()
    on_disk.disk.capacity_bytes = used_bytes + ROOM_TO_SPARE_BYTES + 1000
    assert logs.to_load_again() == []

    on_disk.disk.capacity_bytes = used_bytes + ROOM_TO_SPARE_BYTES + 20_000

    assert logs.to_load_again() == [KEY]


def test_of_several_that_wait_as_many_are_opened_as_there_is_room_for() -> None:
    on_disk = LogOnDisk()
    others = [on_disk.log, on_disk.logs.get_or_create("other", b"o" * 16, 0)]
    for log in others:
        log.append_as_leader(batch(bytes(9000)), leader_epoch=1, now_ms=NOW_MS)
        entry = memoryview(b"".join(log.write_out_entry()))
        on_disk.entries.append(Entry(len(on_disk.entries) + 1, journal_entries.APPEND, entry))
    lose_segments(on_disk)
    on_disk.disk.capacity_bytes = on_disk.disk.names.used_bytes()
    logs = start(on_disk)
    assert len(logs.offline) == 2

    on_disk.disk.capacity_bytes = on_disk.disk.names.used_bytes() + ROOM_TO_SPARE_BYTES + 10_000

    assert len(logs.to_load_again()) == 1


def test_a_replay_leaves_the_room_that_the_node_needs_to_serve_the_others() -> None:
    """It took the last byte, and the node ended over its metadata log, or stayed without acknowledging anything."""
    on_disk = journalled_only()
    on_disk.disk.capacity_bytes = on_disk.disk.names.used_bytes() + ROOM_TO_SPARE_BYTES + 5000

    logs = start(on_disk)

    assert logs.waits(*KEY) and "must stay free" in logs.offline[KEY]
    assert on_disk.disk.free_bytes(DIRECTORY) >= ROOM_TO_SPARE_BYTES


def test_until_it_is_through_nobody_finds_the_log() -> None:
    on_disk, logs = started_without_room()
    on_disk.disk.capacity_bytes = None
    logs.load_again(*KEY)
    for entry in on_disk.entries:
        logs.repeat(entry)
        assert logs.find(TOPIC_ID, 0) is None and KEY in logs.offline
        assert logs.checkpoint(100) == 0, "the journal would be trimmed"


def test_a_node_that_stops_meanwhile_recovers_at_its_next_start() -> None:
    on_disk, logs = started_without_room()
    on_disk.disk.capacity_bytes = None
    logs.load_again(*KEY)
    logs.repeat(on_disk.entries[0])
    logs.close()

    log = start(on_disk).find(TOPIC_ID, 0)

    assert log is not None and values_of(log) == VALUES


def test_no_descriptor_left_is_waited_for_too() -> None:
    on_disk = journalled_only()
    on_disk.disk.fail("open", errno.EMFILE, path_part=f"{TOPIC}-0/", times=-1)
    logs = start(on_disk)
    assert KEY in logs.offline
    on_disk.disk.forget_faults()

    open_later(logs, on_disk.entries)

    log = logs.find(TOPIC_ID, 0)
    assert log is not None and values_of(log) == VALUES


def test_what_is_damaged_is_not_waited_for() -> None:
    on_disk = LogOnDisk()
    on_disk.append(batch(b"a"))
    on_disk.logs.checkpoint(0)
    del on_disk.disk.content(on_disk.log.active.log_path)[10:]

    logs = start(on_disk)

    assert KEY in logs.offline and not logs.waits(*KEY) and logs.to_load_again() == []


def test_a_failed_sync_is_not_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    """A second one would succeed without writing anything."""
    on_disk = LogOnDisk()
    on_disk.append(batch(b"a"))
    on_disk.log.active.append([b"torn"], [(1, 4, 0)], 4096)
    on_disk.disk = on_disk.disk.kill()
    on_disk.disk.fail("datasync", errno.EIO, path_part=f"{TOPIC}-0/")

    logs = start(on_disk)

    assert KEY in logs.offline and not logs.waits(*KEY)
    assert "is offline until this node is restarted" in caplog.text


def test_without_a_journal_for_appends_only_a_start_repeats_it(caplog: pytest.LogCaptureFixture) -> None:
    on_disk = journalled_only()
    on_disk.disk.capacity_bytes = on_disk.disk.names.used_bytes() + 2000
    logs = start(on_disk, opens_later=False)
    on_disk.disk.capacity_bytes = None

    assert KEY in logs.offline and logs.to_load_again() == []
    assert "is offline until this node is restarted" in caplog.text


def test_a_journal_that_cannot_be_read_to_its_end_opens_nothing() -> None:
    on_disk, logs = started_without_room()
    on_disk.disk.capacity_bytes = None
    logs.load_again(*KEY)
    logs.repeat(on_disk.entries[0])

    logs.finish_repeating(NOW_MS, CorruptionError("the journal is damaged"))

    assert logs.find(TOPIC_ID, 0) is None
    assert logs.offline[KEY] == "the journal is damaged" and not logs.waits(*KEY)


def test_one_that_was_removed_since_is_removed_again() -> None:
    on_disk, logs = started_without_room()
    on_disk.disk.capacity_bytes = None
    removed = memoryview(journal_entries.encode_removed(TOPIC_ID, 0))

    open_later(logs, [*on_disk.entries, Entry(99, journal_entries.REMOVED, removed)])

    assert not logs.offline and logs.find(TOPIC_ID, 0) is None
    assert f"{TOPIC}-0" not in on_disk.disk.list(DIRECTORY)


def test_records_that_only_the_segment_has_are_durable_before_it_is_served() -> None:
    """A second crash took them from under what the journal named next: a hole."""
    on_disk = LogOnDisk()
    on_disk.append(batch(b"a"))
    on_disk.disk = on_disk.disk.kill()
    on_disk.entries.clear()
    on_disk.disk.fail("open", errno.EMFILE, path_part=f"{TOPIC}-0/", times=-1)
    logs = start(on_disk)
    on_disk.disk.forget_faults()

    open_later(logs, on_disk.entries)

    on_disk.disk = on_disk.disk.power_loss()
    log = start(on_disk).find(TOPIC_ID, 0)
    assert log is not None and values_of(log) == [b"a"]


def test_one_whose_records_cannot_be_made_durable_stays_offline() -> None:
    on_disk = LogOnDisk()
    on_disk.append(batch(b"a"))
    on_disk.disk = on_disk.disk.kill()
    on_disk.entries.clear()
    on_disk.disk.fail("write", errno.ENOSPC, path_part="recovery-point", times=-1)

    logs = start(on_disk)

    assert logs.waits(*KEY) and logs.find(TOPIC_ID, 0) is None
    on_disk.disk.forget_faults()
    open_later(logs, on_disk.entries)
    log = logs.find(TOPIC_ID, 0)
    assert log is not None and values_of(log) == [b"a"]


def test_after_a_late_opening_the_sizes_of_the_last_stop_count_no_more() -> None:
    """Retention took segments, and after a crash the log had less than when the node had been stopped."""
    on_disk = LogOnDisk(LogConfig(segment_bytes=500))
    for number in range(20):
        on_disk.append(batch(b"%d" % number, timestamp=NOW_MS))
    on_disk.logs.close()
    on_disk.entries.clear()
    on_disk.disk.fail("open", errno.EMFILE, path_part=f"{TOPIC}-0/", times=-1)
    logs = start(on_disk)
    assert KEY in logs.offline
    on_disk.disk.forget_faults()
    open_later(logs, [])
    log = logs.find(TOPIC_ID, 0)
    assert log is not None
    log.update_config(LogConfig(segment_bytes=500, retention_ms=1))
    assert logs.apply_retention(log, NOW_MS + 1000, log.log_end_offset) > 0
    logs.checkpoint(0)

    on_disk.disk = on_disk.disk.power_loss()

    assert not start(on_disk).offline


def test_what_was_acknowledged_survives_late_openings_and_crashes_anywhere() -> None:
    logging.disable(logging.CRITICAL)  # every fault is a line
    try:
        assert sum(map(run_late_opening_seed, range(SEEDS))) > SEEDS // 10
    finally:
        logging.disable(logging.NOTSET)


def test_a_disk_says_how_much_is_free() -> None:
    disk = SimulatedFilesystem(seed=1)
    disk.capacity_bytes = 1000

    assert LogManager(disk, "data").disk.free_bytes("data") == 1000
