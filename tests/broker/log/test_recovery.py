"""Opening logs: nothing is read after a clean stop, only the unsynced tail after a crash; damage is found and named."""

from __future__ import annotations

import logging

import pytest
from log_harness import batch, records_of
from log_harness.batches import NOW_MS
from log_harness.logs import DIRECTORY, TOPIC_ID, LogOnDisk
from simulation import SimulatedFilesystem

from broker.log import LogConfig, LogManager
from protocol.errors import ErrorCode, KafkaError
from wal import StorageError


class Watched(SimulatedFilesystem):
    """Counts what is read of segment files."""

    segment_reads: int = 0

    def step(self, operation: str, path: str) -> None:
        if operation == "read" and path.endswith(".log"):
            self.segment_reads += 1
        super().step(operation, path)


def values(on_disk: LogOnDisk) -> list[bytes | None]:
    log = on_disk.log
    found: list[bytes | None] = []
    offset = log.log_start_offset
    while offset < log.log_end_offset:
        result = log.read(offset, max_bytes=1000, max_offset=log.log_end_offset)
        found += [record.value for record in records_of(result.records)]
        offset = result.end_offset
    return found


def test_a_clean_stop_leaves_nothing_to_scan() -> None:
    disk = Watched(seed=1)
    on_disk = LogOnDisk(LogConfig(segment_bytes=500), disk=disk)
    for number in range(30):
        on_disk.append(batch(b"%d" % number, producer_id=1, producer_epoch=0, base_sequence=number))
    on_disk.logs.close()
    disk.segment_reads = 0
    on_disk.start()
    assert disk.segment_reads == 0
    assert on_disk.log.log_end_offset == 30
    assert values(on_disk) == [b"%d" % number for number in range(30)]


def test_the_mark_of_a_clean_stop_is_used_once() -> None:
    on_disk = LogOnDisk()
    on_disk.append(batch(b"a"))
    on_disk.logs.close()
    assert on_disk.disk.exists(f"{DIRECTORY}/.kafka_cleanshutdown")
    on_disk.start()
    assert not on_disk.disk.exists(f"{DIRECTORY}/.kafka_cleanshutdown")
    assert not on_disk.disk.power_loss().exists(f"{DIRECTORY}/.kafka_cleanshutdown")


def test_a_torn_tail_is_cut_and_the_journal_brings_back_what_was_acknowledged() -> None:
    on_disk = LogOnDisk()
    on_disk.append(batch(b"a"))
    on_disk.append(batch(b"b"))
    path = on_disk.log.active.log_path
    on_disk.disk.damage(path, len(on_disk.disk.content(path)) - 5, b"xxxxx")
    acknowledged = on_disk.entries
    on_disk.entries = []
    on_disk.kill()
    assert values(on_disk) == [b"a"]
    on_disk.entries = acknowledged
    on_disk.kill()
    assert values(on_disk) == [b"a", b"b"]


def test_the_journal_replayed_twice_appends_nothing_twice() -> None:
    on_disk = LogOnDisk()
    for number in range(5):
        on_disk.append(batch(b"%d" % number))
    on_disk.kill()
    on_disk.kill()
    assert values(on_disk) == [b"%d" % number for number in range(5)]


def test_only_what_lies_above_the_recovery_point_is_verified() -> None:
    on_disk = LogOnDisk()
    on_disk.append(batch(bytes(200)))
    on_disk.append(batch(bytes(200)))
    on_disk.logs.checkpoint(0)
    on_disk.append(batch(b"c"))
    # Damage below the recovery point, in the payload: nobody looks there at the start.
    on_disk.disk.damage(on_disk.log.active.log_path, 150, b"damage")
    on_disk.kill()
    assert on_disk.log.log_end_offset == 3


def test_a_file_shorter_than_what_was_synced_takes_its_partition_offline_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    on_disk = LogOnDisk()
    other = on_disk.logs.get_or_create("other", b"2" * 16, 0)
    on_disk.append(batch(b"a"))
    other.append_as_leader(batch(b"served"), leader_epoch=1, now_ms=NOW_MS)
    other.write_out()
    on_disk.logs.checkpoint(0)
    del on_disk.disk.content(on_disk.log.active.log_path)[10:]
    logs = LogManager(on_disk.disk, DIRECTORY)
    with caplog.at_level(logging.ERROR):
        logs.load_all()
        logs.replay([])
    assert "synced up to offset 1" in caplog.text
    with pytest.raises(StorageError, match="damaged at byte 0"):
        logs.get_or_create("orders", TOPIC_ID, 0)
    served = logs.find(b"2" * 16, 0)
    assert served is not None
    assert served.log_end_offset == 1


def test_the_journal_keeps_what_a_full_disk_did_not_let_a_replay_repeat() -> None:
    """The power went before a checkpoint, and the restart found no room: the next checkpoint let the journal go, and
    with it records that were acknowledged and nowhere else. Later starts never knew that they had been there."""
    on_disk = LogOnDisk()
    for _ in range(5):
        on_disk.append(batch(bytes(1000)))
    on_disk.disk = on_disk.disk.power_loss()
    on_disk.disk.capacity_bytes = 2000
    logs = LogManager(on_disk.disk, DIRECTORY)
    logs.load_all()
    logs.replay(on_disk.entries)
    assert ("orders", 0) in logs.offline
    kept_from = logs.checkpoint(len(on_disk.entries) + 1)
    on_disk.disk = on_disk.disk.kill()
    on_disk.entries = [entry for entry in on_disk.entries if entry.sequence >= kept_from]
    on_disk.start()
    assert on_disk.log.log_end_offset == 5


def test_an_offline_partition_is_looked_at_again_after_a_clean_stop() -> None:
    on_disk = LogOnDisk()
    on_disk.append(batch(b"a"))
    on_disk.logs.checkpoint(0)
    del on_disk.disk.content(on_disk.log.active.log_path)[10:]
    logs = LogManager(on_disk.disk, DIRECTORY)
    logs.load_all()
    logs.replay([])
    logs.close()
    logs = LogManager(on_disk.disk, DIRECTORY)
    logs.load_all()
    assert ("orders", 0) in logs.offline


@pytest.mark.parametrize("suffix", [".index", ".timeindex"])
@pytest.mark.parametrize("damage", ["removed", "zeros", "garbage", "half"])
def test_a_damaged_index_is_made_anew_from_its_segment(suffix: str, damage: str) -> None:
    on_disk = LogOnDisk(LogConfig(segment_bytes=3000, index_interval_bytes=100))
    for number in range(60):
        on_disk.append(batch(b"%d" % number, timestamp=NOW_MS + number), now_ms=NOW_MS + number)
    on_disk.logs.close()
    path = on_disk.log.segments[0].stem + suffix
    if damage == "removed":
        on_disk.disk.remove(path)
    else:
        content = on_disk.disk.content(path)
        if damage == "half":
            del content[len(content) // 2 + 1 :]
        else:
            content[:] = bytes(len(content)) if damage == "zeros" else b"\x7f\x13" * (len(content) // 2)
    on_disk.start()
    for offset in (0, 7, 20, 29):
        read = on_disk.log.read(offset, max_bytes=80, max_offset=60)
        assert records_of(read.records)[0].value == b"%d" % offset
    if suffix == ".index":
        found = on_disk.log.offset_for_timestamp(NOW_MS + 12, max_offset=60)
        assert found is not None
        assert found.offset == 12


def test_a_damaged_segment_is_found_by_the_read_and_the_rest_is_served(caplog: pytest.LogCaptureFixture) -> None:
    on_disk = LogOnDisk(LogConfig(segment_bytes=500))
    for number in range(20):
        on_disk.append(batch(b"%d" % number))
    on_disk.logs.close()
    on_disk.disk.damage(on_disk.log.segments[1].log_path, 0, bytes(40))
    on_disk.start()
    damaged = on_disk.log.segments[1].base_offset
    with caplog.at_level(logging.ERROR), pytest.raises(KafkaError) as refused:
        on_disk.log.read(damaged, max_bytes=100, max_offset=20)
    assert refused.value.code is ErrorCode.CORRUPT_MESSAGE
    assert "is damaged at byte 0" in caplog.text
    after = on_disk.log.segments[2].base_offset
    assert records_of(on_disk.log.read(after, max_bytes=100, max_offset=20).records)[0].offset == after
    assert on_disk.append(batch(b"20")).base_offset == 20


def test_a_damaged_epoch_file_is_read_from_the_batches_instead() -> None:
    on_disk = LogOnDisk()
    on_disk.append(batch(b"a"), leader_epoch=3)
    on_disk.append(batch(b"b"), leader_epoch=5)
    on_disk.logs.close()
    on_disk.disk.content(f"{on_disk.log.directory}/leader-epoch-checkpoint")[:] = b"nonsense"
    on_disk.start()
    assert on_disk.log.leader_epochs.entries == [(3, 0), (5, 1)]


@pytest.mark.parametrize("content", [b"", b"0\n7\n", b"garbage\xff\n"])
def test_a_damaged_recovery_point_file_means_everything_is_verified(content: bytes) -> None:
    on_disk = LogOnDisk()
    on_disk.append(batch(b"a"))
    on_disk.logs.close()
    on_disk.disk.content(f"{DIRECTORY}/recovery-point-offset-checkpoint")[:] = content
    on_disk.entries = []
    on_disk.start()
    assert values(on_disk) == [b"a"]


def test_a_hole_between_segments_and_journal_takes_the_partition_offline() -> None:
    on_disk = LogOnDisk()
    for number in range(4):
        on_disk.append(batch(b"%d" % number))
    del on_disk.entries[1:3]
    on_disk.disk.remove(on_disk.log.active.log_path)
    logs = LogManager(on_disk.disk, DIRECTORY)
    logs.load_all()
    logs.replay(on_disk.entries)
    assert "offsets 1 to 3 are missing" in logs.offline[("orders", 0)]


def test_a_directory_whose_creation_was_interrupted_is_made_again() -> None:
    on_disk = LogOnDisk()
    on_disk.disk.content(f"{on_disk.log.directory}/partition.metadata")[:] = b""
    on_disk.kill()
    assert on_disk.append(batch(b"a")).base_offset == 0
