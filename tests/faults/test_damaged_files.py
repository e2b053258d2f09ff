"""Files that were damaged, cut or taken away while the broker was down: what can be mended is, the rest is said aloud.

One damaged partition does not stop the others: each test has a bystander, whole and served. What would lose
acknowledged records if it were passed over (a journal damaged in its middle, a metadata log that is gone) is refused.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from faults_harness.refusals import refused_start
from faults_harness.wire import Wire, produce_request
from harness.broker_process import BrokerProcess
from log_harness.batches import batch, records_of

from protocol.errors import ErrorCode, KafkaError
from protocol.records import iterate_batches, verify_crc

StartBroker = Callable[..., BrokerProcess]

# About 100 to a segment of 1 MiB: two sealed segments and an active one.
VALUES = [b"%d/" % number + bytes(range(256)) * 40 for number in range(260)]
BYSTANDER = [b"%d" % number for number in range(10)]


def now_ms() -> int:
    return int(time.time() * 1000)


def fill(broker: BrokerProcess) -> None:
    with Wire(broker.bootstrap) as wire:
        wire.create_topic("t", segment_bytes="1048576")
        wire.create_topic("bystander")
        for name, values in (("t", VALUES), ("bystander", BYSTANDER)):
            requests = [produce_request(name, {0: batch(value, timestamp=now_ms())}) for value in values]
            for request, sent in [(request, wire.send(request, 9)) for request in requests]:
                answer = wire.receive(type(request), 9, sent)
                assert answer.responses[0].partition_responses[0].error_code == 0


def await_checkpoint(broker: BrokerProcess) -> None:
    """Until the recovery point of `t-0` is at its end. The broker tells nobody of a checkpoint: the file does."""
    points = broker.data_directory / "recovery-point-offset-checkpoint"
    while not points.exists() or f"t 0 {len(VALUES)}" not in points.read_text():
        assert broker.is_running


@pytest.fixture(scope="module")
def left_behind(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Data directories as brokers left them: after a clean stop, kill -9, and kill -9 behind a checkpoint."""
    directories: dict[str, Path] = {}
    for end in ("stopped", "killed", "checkpointed"):
        settings = {"log.flush.offset.checkpoint.interval.ms": "200"} if end == "checkpointed" else {}
        with BrokerProcess(tmp_path_factory.mktemp(end), settings) as broker:
            fill(broker)
            if end == "checkpointed":
                await_checkpoint(broker)
            if end == "stopped":
                assert broker.stop() == 0
            else:
                broker.kill()
        directories[end] = broker.data_directory
    return directories


class Damaged:
    """A copy of such a directory, and the broker that is started on it once it is damaged."""

    def __init__(self, data: Path, start_broker: StartBroker) -> None:
        self.data = data
        self._start_broker = start_broker

    def start(self) -> BrokerProcess:
        broker = self._start_broker()
        assert broker.data_directory == self.data
        return broker


@pytest.fixture
def damage(left_behind: dict[str, Path], tmp_path: Path, start_broker: StartBroker) -> Callable[[str], Damaged]:
    def copy(end: str) -> Damaged:
        shutil.copytree(left_behind[end], tmp_path / "broker" / "data")
        return Damaged(tmp_path / "broker" / "data", start_broker)

    return copy


Damage = Callable[[str], Damaged]


def segments(damaged: Damaged) -> list[Path]:
    found = sorted((damaged.data / "t-0").glob("*.log"))
    assert len(found) == 3
    return found


def flip(path: Path, position: int, count: int = 20) -> None:
    data = bytearray(path.read_bytes())
    for at in range(position, position + count):
        data[at] ^= 0xFF
    path.write_bytes(data)


def read(wire: Wire, topic: str) -> list[bytes | None]:
    values: list[bytes | None] = []
    offset = 0
    while records := records_of(wire.fetch(topic, offset).records):
        values += [record.value for record in records]
        offset = records[-1].offset + 1
    return values


def check_whole(broker: BrokerProcess) -> None:
    """Everything acknowledged is there, and goes on where it ended; after one more restart, too."""
    for more in range(2):
        with Wire(broker.bootstrap) as wire:
            assert read(wire, "t")[: len(VALUES)] == VALUES
            answer = wire.produce("t", batch(b"more", timestamp=now_ms()))
            assert (answer.error_code, answer.base_offset) == (0, len(VALUES) + more)
            assert read(wire, "bystander") == BYSTANDER
        broker.restart()


def check_offline(broker: BrokerProcess) -> None:
    """The damaged partition says so to whoever asks; the bystander takes and gives records."""
    with Wire(broker.bootstrap) as wire:
        assert ErrorCode(wire.fetch("t").error_code) is ErrorCode.KAFKA_STORAGE_ERROR
        refused = wire.produce("t", batch(b"x", timestamp=now_ms()))
        assert ErrorCode(refused.error_code) is ErrorCode.KAFKA_STORAGE_ERROR
        assert read(wire, "bystander") == BYSTANDER
        assert wire.produce("bystander", batch(b"x", timestamp=now_ms())).error_code == 0
    assert broker.log_text().count("partition t-0 is offline") == 1


# --- segments ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("segment", "position"), [(0, 50_000), (2, 50_000), (2, -200)])
def test_what_a_crash_could_have_torn_is_cut_and_comes_back_from_the_journal(
    damage: Damage, segment: int, position: int
) -> None:
    damaged = damage("killed")
    path = segments(damaged)[segment]
    flip(path, position if position > 0 else path.stat().st_size + position)

    broker = damaged.start()

    check_whole(broker)
    assert "t-0: cut" in broker.log_text()


def test_a_segment_that_lost_what_was_synced_takes_its_partition_offline(damage: Damage) -> None:
    damaged = damage("checkpointed")
    os.truncate(segments(damaged)[2], 100_000)

    broker = damaged.start()

    check_offline(broker)


def test_flipped_bytes_in_a_sealed_segment_reach_no_consumer_unnoticed(damage: Damage) -> None:
    """Like Kafka, the broker does not read sealed segments when it starts, nor check what it sends: the batch carries
    its checksum to the consumer."""
    damaged = damage("checkpointed")
    flip(segments(damaged)[0], 50_000)

    broker = damaged.start()

    with Wire(broker.bootstrap) as wire:
        assert read(wire, "bystander") == BYSTANDER
        data = wire.fetch("t").records
        broken = []
        for position, header in iterate_batches(data):
            try:
                verify_crc(data, position, header)
            except KafkaError as error:
                assert error.code is ErrorCode.CORRUPT_MESSAGE
                broken.append(header.base_offset)
        assert broken == [4]
        assert [record.value for record in records_of(wire.fetch("t", 5, partition_max_bytes=1).records)] == [VALUES[5]]


@pytest.mark.parametrize("how", ["gone", "garbage", "cut"])
@pytest.mark.parametrize("end", ["stopped", "checkpointed"])
def test_index_files_are_made_anew(damage: Damage, end: str, how: str) -> None:
    damaged = damage(end)
    indexes = [path for path in (damaged.data / "t-0").iterdir() if path.suffix in (".index", ".timeindex")]
    assert indexes
    for path in indexes:
        if how == "gone":
            path.unlink()
        elif how == "garbage":
            path.write_bytes(b"\x5a\xa5\x00\xff" * 200 + b"odd")
        else:
            os.truncate(path, path.stat().st_size // 2 + 1)

    broker = damaged.start()

    check_whole(broker)


def test_a_leader_epoch_file_is_read_from_the_batches_instead(damage: Damage) -> None:
    damaged = damage("stopped")
    (damaged.data / "t-0" / "leader-epoch-checkpoint").write_bytes(b"\xff\xfe")
    broker = damaged.start()
    check_whole(broker)
    assert "its epochs are read from the batches instead" in broker.log_text()


def test_a_directory_that_does_not_say_whose_it_is_is_offline(damage: Damage) -> None:
    damaged = damage("stopped")
    (damaged.data / "t-0" / "partition.metadata").write_bytes(b"\xff\xfe")
    broker = damaged.start()
    check_offline(broker)


@pytest.mark.parametrize("end", ["stopped", "killed"])
def test_a_partition_whose_directory_is_gone_begins_empty_and_says_so(damage: Damage, end: str) -> None:
    """Nothing was said, and the journal's old entries came back over the new records at the restart after."""
    damaged = damage(end)
    shutil.rmtree(damaged.data / "t-0")

    broker = damaged.start()

    assert "partition t-0 has no directory and begins empty" in broker.log_text()
    with Wire(broker.bootstrap) as wire:
        assert read(wire, "t") == []
        assert wire.produce("t", batch(b"new", timestamp=now_ms())).base_offset == 0
    broker.kill()
    broker.start()
    with Wire(broker.bootstrap) as wire:
        assert read(wire, "t") == [b"new"]
        assert read(wire, "bystander") == BYSTANDER


def test_what_is_not_ours_in_the_data_directory_is_left_alone(damage: Damage) -> None:
    damaged = damage("stopped")
    data = damaged.data
    (data / "lost+found").mkdir()
    (data / "photos-2024").mkdir()
    (data / "photos-2024" / "cat.jpg").write_bytes(b"cat")
    (data / "notes.txt").write_text("hello")
    (data / "t-0" / "core").write_text("dump")

    broker = damaged.start()

    check_whole(broker)
    assert (data / "photos-2024" / "cat.jpg").exists()
    assert (data / "notes.txt").exists()


# --- checkpoints -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["gone", "garbage", "cut"])
@pytest.mark.parametrize("end", ["stopped", "checkpointed"])
def test_checkpoint_files_only_save_work(damage: Damage, end: str, how: str) -> None:
    damaged = damage(end)
    for path in damaged.data.glob("*-checkpoint"):
        if how == "gone":
            path.unlink()
        elif how == "garbage":
            path.write_bytes(b"\xff\x00 nonsense")
        else:
            os.truncate(path, path.stat().st_size // 2)

    broker = damaged.start()

    check_whole(broker)
    assert how == "gone" or "is not a checkpoint file" in broker.log_text()


# --- journal and metadata log ------------------------------------------------------------------------------------


def test_the_torn_end_of_the_journal_is_cut(damage: Damage) -> None:
    damaged = damage("killed")
    journal = max((damaged.data / "journal").glob("*.wal"))
    flip(journal, len(journal.read_bytes().rstrip(b"\0")) - 60)
    broker = damaged.start()
    check_whole(broker)


def test_a_journal_damaged_in_its_middle_is_refused(damage: Damage) -> None:
    """Acknowledged records may be nowhere else."""
    damaged = damage("killed")
    flip(min((damaged.data / "journal").glob("*.wal")), 500_000)

    status, said = refused_start(damaged.data)

    assert status == 1
    assert "is damaged at byte" in said
    assert "restore the file from a copy" in said


def test_a_metadata_log_damaged_in_its_middle_is_refused(damage: Damage) -> None:
    damaged = damage("stopped")
    path = min((damaged.data / "metadata").glob("*.wal"))
    flip(path, path.read_bytes().index(b"segment.bytes"), 4)

    status, said = refused_start(damaged.data)

    assert status == 1
    assert "is damaged at byte" in said


def test_partitions_without_a_metadata_log_are_not_taken_for_strays(damage: Damage) -> None:
    """A data directory restored without `metadata/` had all its partitions deleted: no topic knew them any more."""
    damaged = damage("stopped")
    data = damaged.data
    (data / "metadata").rename(data.parent / "kept")

    status, said = refused_start(data)

    assert status == 1
    assert "its metadata log" in said
    shutil.rmtree(data / "metadata")
    (data.parent / "kept").rename(data / "metadata")
    broker = damaged.start()
    check_whole(broker)


def test_a_metadata_log_that_lost_its_end_does_not_cost_the_partitions_of_it(damage: Damage) -> None:
    """Damage to the last entry looks like a torn write and is cut. The topic it made was unknown then, and its
    partitions were deleted: a few flipped bits cost all of a topic's records."""
    damaged = damage("stopped")
    path = min((damaged.data / "metadata").glob("*.wal"))
    flip(path, path.read_bytes().rindex(b"bystander"), 4)

    broker = damaged.start()

    with Wire(broker.bootstrap) as wire:
        assert ErrorCode(wire.fetch("bystander").error_code) is ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        assert read(wire, "t") == VALUES
    assert "no topic has the partition bystander-0; its files are kept in" in broker.log_text()
    broker.restart()
    (kept,) = damaged.data.glob("bystander-0.*-stray")
    assert (kept / "00000000000000000000.log").stat().st_size > 0
