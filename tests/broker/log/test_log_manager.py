"""The logs of a node: directories, topic ids, deletion, checkpoints that fail."""

from __future__ import annotations

import errno
import logging

import pytest
from log_harness import batch
from log_harness.batches import NOW_MS
from log_harness.logs import DIRECTORY, TOPIC, TOPIC_ID, LogOnDisk

from broker.log import LogConfig, LogManager, journal_entries, remove_paths
from broker.log.partition_directory import decode_metadata, encode_metadata, parse_directory_name, renamed
from protocol.records import iterate_batches, read_records
from wal import CorruptionError, Entry, StorageError


def test_the_directory_is_kafkas() -> None:
    on_disk = LogOnDisk(LogConfig(index_interval_bytes=1))
    on_disk.append(batch(b"a"))
    on_disk.append(batch(b"b"))
    on_disk.logs.close()
    assert on_disk.disk.list(f"{DIRECTORY}/{TOPIC}-0") == [
        "00000000000000000000.index",
        "00000000000000000000.log",
        "00000000000000000000.timeindex",
        "leader-epoch-checkpoint",
        "partition.metadata",
    ]
    assert bytes(on_disk.disk.content(f"{DIRECTORY}/{TOPIC}-0/partition.metadata")) == (
        b"version: 0\ntopic_id: AAECAwQFBgcICQoLDA0ODw\n"
    )
    assert bytes(on_disk.disk.content(f"{DIRECTORY}/recovery-point-offset-checkpoint")) == b"0\n1\norders 0 2\n"


@pytest.mark.parametrize(
    ("name", "parsed"),
    [("a-0", ("a", 0)), ("a-b-12", ("a-b", 12)), ("journal", None), ("a-", None), ("-1", None), ("a-01", None)],
)
def test_directory_names(name: str, parsed: tuple[str, int] | None) -> None:
    assert parse_directory_name(name) == parsed


def test_a_deleted_directorys_name_fits_the_filesystem() -> None:
    name = renamed("t" * 249, 99999, TOPIC_ID, "-delete")
    assert len(name) == 255
    assert parse_directory_name(name) is None


@pytest.mark.parametrize("data", [b"", b"version: 1\ntopic_id: AAECAwQFBgcICQoLDA0ODw\n", b"version: 0\n", b"\xff"])
def test_a_damaged_partition_metadata_is_corrupt(data: bytes) -> None:
    assert decode_metadata(encode_metadata(TOPIC_ID), "x") == TOPIC_ID
    with pytest.raises(CorruptionError):
        decode_metadata(data, "x")


def test_a_deleted_log_is_gone_at_once_and_its_files_after_their_delay() -> None:
    on_disk = LogOnDisk(LogConfig(file_delete_delay_ms=1000))
    on_disk.append(batch(b"a"))
    on_disk.logs.delete(on_disk.log, NOW_MS)
    assert on_disk.logs.find(TOPIC_ID, 0) is None
    assert f"{TOPIC}-0" not in on_disk.disk.list(DIRECTORY)
    assert remove_paths(on_disk.disk, on_disk.logs.take_deleted(NOW_MS + 999)) == 0
    assert remove_paths(on_disk.disk, on_disk.logs.take_deleted(NOW_MS + 1000)) == 1
    assert not [name for name in on_disk.disk.list(DIRECTORY) if name.endswith("-delete")]
    with pytest.raises(StorageError, match="was deleted"):
        on_disk.log.append_as_leader(batch(b"b"), leader_epoch=1, now_ms=NOW_MS)


def test_a_topic_made_again_under_its_name_begins_empty() -> None:
    on_disk = LogOnDisk()
    for _ in range(5):
        on_disk.append(batch(b"old"))
    on_disk.logs.checkpoint(0)
    on_disk.logs.delete(on_disk.log, NOW_MS)
    again = on_disk.logs.get_or_create(TOPIC, b"n" * 16, 0)
    assert again.log_end_offset == 0
    on_disk.entries.clear()
    on_disk.disk = on_disk.disk.kill()
    logs = LogManager(on_disk.disk, DIRECTORY)
    logs.load_all()
    logs.replay([])
    assert [log.topic_id for log in logs.logs.values()] == [b"n" * 16]
    assert not logs.offline


def test_a_replay_passes_over_partitions_that_are_gone_and_removes_again() -> None:
    on_disk = LogOnDisk()
    on_disk.append(batch(b"a"))
    stranger = journal_entries.encode_append_header(b"s" * 16, 3, 0) + batch(b"x")
    on_disk.entries.append(Entry(2, journal_entries.APPEND, memoryview(stranger)))
    on_disk.entries.append(Entry(3, journal_entries.REMOVED, memoryview(journal_entries.encode_removed(TOPIC_ID, 0))))
    logs = LogManager(on_disk.disk.kill(), DIRECTORY)
    logs.load_all()
    assert logs.replay(on_disk.entries) == 2
    assert logs.logs == {}


@pytest.mark.parametrize("checkpointed", [False, True])
@pytest.mark.parametrize("is_kill", [False, True], ids=["power loss", "kill"])
def test_a_replica_that_was_moved_away_and_came_back_has_all_that_it_got_since(
    checkpointed: bool, is_kill: bool
) -> None:
    """Under the same topic id: the removal in the journal concerns what it had before, and nothing else."""
    on_disk = LogOnDisk()
    for _ in range(5):
        on_disk.append(batch(b"former"))
    on_disk.logs.delete(on_disk.log, NOW_MS)
    on_disk.entries.append(Entry(6, journal_entries.REMOVED, memoryview(journal_entries.encode_removed(TOPIC_ID, 0))))
    on_disk.log = on_disk.logs.get_or_create(TOPIC, TOPIC_ID, 0)
    for _ in range(2):
        on_disk.append(batch(b"since"))
    if checkpointed:
        on_disk.logs.checkpoint(0)
    on_disk.append(batch(b"last"))

    logs = LogManager(on_disk.disk.kill() if is_kill else on_disk.disk.power_loss(), DIRECTORY)
    logs.load_all()
    logs.replay(on_disk.entries)

    log = logs.logs[TOPIC_ID, 0]
    records = log.read(0, max_bytes=1 << 20, max_offset=log.log_end_offset).records
    values = [
        record.value
        for position, header in iterate_batches(records)
        for record in read_records(records, position, header, decompressed_bytes_max=1000)
    ]
    assert values == [b"since", b"since", b"last"]


def test_strays_are_set_aside_with_their_files() -> None:
    on_disk = LogOnDisk()
    assert on_disk.logs.set_aside_strays([TOPIC_ID]) == []
    assert on_disk.logs.set_aside_strays([]) == [f"{TOPIC}-0"]
    assert [name for name in on_disk.disk.list(DIRECTORY) if name.endswith("-stray")]


def test_a_failed_sync_is_never_taken_for_done(caplog: pytest.LogCaptureFixture) -> None:
    on_disk = LogOnDisk()
    on_disk.append(batch(b"a"))
    on_disk.disk.fail("datasync", errno.EIO, path_part=".log")
    with pytest.raises(StorageError):
        on_disk.logs.checkpoint(1)
    assert on_disk.log.recovery_point == 0
    # The kernel has forgotten the pages; a second sync would succeed and mean nothing.
    with pytest.raises(StorageError, match="failed sync is not repeated"):
        on_disk.logs.checkpoint(1)
    with caplog.at_level(logging.INFO):
        assert on_disk.append(batch(b"b")).base_offset == 1


def test_a_truncation_while_a_checkpoint_runs_keeps_the_recovery_point_below_it() -> None:
    on_disk = LogOnDisk()
    for _ in range(10):
        on_disk.append(batch(b"a"))
    checkpoint = on_disk.logs.begin_checkpoint(1)
    on_disk.log.truncate_to(4)
    on_disk.append(batch(b"b"))
    checkpoint.run()
    assert on_disk.log.recovery_point == 4


@pytest.mark.parametrize("operation", ["open", "create"])
def test_a_partition_that_cannot_be_made_says_why(operation: str) -> None:
    on_disk = LogOnDisk()
    on_disk.disk.fail(operation, errno.EACCES, path_part="other-0")
    with pytest.raises(StorageError, match="other-0"):
        on_disk.logs.get_or_create("other", b"o" * 16, 0)


def test_when_descriptors_run_out_some_are_given_back() -> None:
    on_disk = LogOnDisk()
    on_disk.append(batch(b"a"))
    on_disk.disk.fail("open", errno.EMFILE, path_part="other-0")
    other = on_disk.logs.get_or_create("other", b"o" * 16, 0)
    assert other.log_end_offset == 0


def test_a_cut_below_the_start_lowers_it_durably() -> None:
    """The file kept the old start, and the next start took what was appended below it for given up."""
    on_disk = LogOnDisk(LogConfig(segment_bytes=400))
    for number in range(8):
        on_disk.append(batch(b"%d" % number))
    on_disk.log.advance_log_start(8)
    on_disk.logs.checkpoint(0)
    on_disk.log.truncate_to(7)
    on_disk.append(batch(b"again"))
    on_disk.log.roll()
    on_disk.append(batch(b"and more"))
    logs = LogManager(on_disk.disk.kill(), DIRECTORY)
    logs.load_all()
    logs.replay([])
    (log,) = logs.logs.values()
    assert (log.log_start_offset, log.log_end_offset) == (7, 9)
