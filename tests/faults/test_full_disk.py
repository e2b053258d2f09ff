"""A full disk, and one that cannot be written: no write is acknowledged, reading goes on, nothing acknowledged is lost.

What a broker does when the space is there again depends on what was refused. A partition's segment: that partition
takes writes again at once. What a start could not repeat from the journal: that partition is opened within seconds.
The journal (`flush=commit`, `flush=interval`): nothing is acknowledged until a restart, for what a failed write or sync
left on the disk is known only to recovery.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from faults_harness.refusals import refused_start
from faults_harness.small_disk import SmallDisk, mounted
from faults_harness.wire import Wire
from harness.broker_process import BrokerProcess
from log_harness.batches import batch, records_of

from broker.log.opening import ROOM_TO_SPARE_BYTES
from protocol.errors import ErrorCode
from protocol.messages.delete_records import DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic
from protocol.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState

StartBroker = Callable[..., BrokerProcess]
VALUE_BYTES = 10_000
DEADLINE_S = 60.0
REFUSALS = 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with mounted(tmp_path / "disk", megabytes=24) as disk:
        yield disk


class Producer:
    """Appends to two partitions and remembers what was acknowledged, by offset."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.acknowledged: dict[int, dict[int, bytes]] = {0: {}, 1: {}}
        self._number = 0

    def send(self, partition: int) -> ErrorCode:
        self._number += 1
        value = b"%d/" % self._number + os.urandom(VALUE_BYTES // 2) * 2
        answer = self.wire.produce("t", batch(value, timestamp=int(time.time() * 1000)), partition=partition)
        if answer.error_code == 0:
            self.acknowledged[partition][answer.base_offset] = value
        else:
            assert answer.base_offset == -1
        return ErrorCode(answer.error_code)

    def send_until_refused(self) -> set[ErrorCode]:
        codes: list[ErrorCode] = []
        while len(codes) < REFUSALS:
            codes += [code for partition in (0, 1) if (code := self.send(partition)) is not ErrorCode.NONE]
        return set(codes)

    def check(self, wire: Wire) -> None:
        """Everything acknowledged is read, at its offset."""
        for partition, acknowledged in self.acknowledged.items():
            stored = read_all(wire, partition)
            missing = [offset for offset, value in acknowledged.items() if stored.get(offset) != value]
            assert not missing, f"acknowledged and not there, partition {partition}: {missing[:20]}"
        assert self.acknowledged[0], "nothing was acknowledged before the disk was full"


def read_all(wire: Wire, partition: int) -> dict[int, bytes | None]:
    stored: dict[int, bytes | None] = {}
    offset = 0
    while records := records_of(wire.fetch("t", offset, partition=partition).records):
        stored.update({record.offset: record.value for record in records})
        offset = records[-1].offset + 1
    return stored


def start_on(
    disk: SmallDisk, start_broker: StartBroker, flush: str, *, checkpoint_interval_ms: int = 300
) -> BrokerProcess:
    return start_broker(
        {
            "log.dirs": str(disk.path / "data"),
            "flush": flush,
            "journal.profile": "low",
            "log.segment.bytes": "1048576",
            "log.flush.offset.checkpoint.interval.ms": str(checkpoint_interval_ms),
        }
    )


def lose_segments(directory: Path) -> None:
    """As a power loss may, where no checkpoint has synced them."""
    for path in directory.glob("0*"):
        if path.name == f"{0:020d}.log":
            os.truncate(path, 0)
        else:
            path.unlink()


def test_a_full_disk_refuses_writes_until_the_restart_and_serves_reads(
    small_disk: SmallDisk, start_broker: StartBroker
) -> None:
    broker = start_on(small_disk, start_broker, "commit")
    small_disk.fill(leave_bytes=4 << 20)
    with Wire(broker.bootstrap) as wire:
        wire.create_topic("t", 2)
        producer = Producer(wire)

        assert producer.send_until_refused() == {ErrorCode.KAFKA_STORAGE_ERROR}

        producer.check(wire)
        log = broker.log_text()
        assert "No space left on device" in log
        assert log.count("\n") < 10, f"a line for every refused request: {log[:3000]}"

    small_disk.free()
    broker.stop()
    broker.start()
    with Wire(broker.bootstrap) as wire:
        producer.check(wire)
        producer.wire = wire
        assert [producer.send(partition) for partition in (0, 1)] == [ErrorCode.NONE] * 2
        producer.check(wire)


def test_checkpoints_go_on_when_there_is_room_again(small_disk: SmallDisk, start_broker: StartBroker) -> None:
    """One that found no room for its files was the last until the restart, and the journal grew."""
    broker = start_on(small_disk, start_broker, "commit")
    with Wire(broker.bootstrap) as wire:
        wire.create_topic("t", 1)

        def serve_until_told(line: str) -> None:
            deadline = time.monotonic() + DEADLINE_S
            while line not in broker.log_text():
                assert time.monotonic() < deadline, broker.log_text()
                assert wire.fetch("t", 0).error_code == 0

        assert wire.produce("t", batch(b"x")).error_code == 0
        small_disk.fill()
        # It fits what its files have already; the files of a checkpoint are new.
        assert wire.produce("t", batch(b"y")).error_code == 0
        serve_until_told("no checkpoint could be made")
        small_disk.free()
        serve_until_told("checkpoints succeed again")
        assert wire.produce("t", batch(b"z")).error_code == 0
    assert broker.log_text().count("no checkpoint could be made") == 1


def test_when_the_journal_failed_nothing_hangs_and_nothing_is_promised(
    small_disk: SmallDisk, start_broker: StartBroker
) -> None:
    """DeleteRecords waited for ever; deleting a topic took the metadata log down with it."""
    broker = start_on(small_disk, start_broker, "commit")
    with Wire(broker.bootstrap) as wire:
        wire.create_topic("t", 2)
        producer = Producer(wire)
        assert producer.send(0) is ErrorCode.NONE
        small_disk.fill(leave_bytes=1 << 20)
        producer.send_until_refused()
        small_disk.free()
        # Room for a partition's segment is not room for a journal that failed.
        assert "STORAGE FAILED" in broker.log_text(), "the segment was refused first: give the journal less room"

        asked = DeleteRecordsTopic(name="t", partitions=[DeleteRecordsPartition(partition_index=0, offset=1)])
        deleted = wire.call(DeleteRecordsRequest(topics=[asked], timeout_ms=1000), 2)
        assert ErrorCode(deleted.topics[0].partitions[0].error_code) is ErrorCode.KAFKA_STORAGE_ERROR

        wire.create_topic("new")
        refused = wire.produce("new", batch(b"x", timestamp=int(time.time() * 1000)))
        assert ErrorCode(refused.error_code) is ErrorCode.KAFKA_STORAGE_ERROR

        gone = wire.call(DeleteTopicsRequest(topics=[DeleteTopicState(name="new")], timeout_ms=1000), 6)
        assert ErrorCode(gone.responses[0].error_code) is ErrorCode.NONE
        wire.create_topic("newer")
    broker.kill()
    broker.start()
    with Wire(broker.bootstrap) as wire:
        producer.check(wire)
        assert ErrorCode(wire.fetch("new").error_code) is ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        assert ErrorCode(wire.fetch("newer").error_code) is ErrorCode.NONE


def test_a_partition_whose_segment_was_refused_goes_on_when_there_is_room(
    small_disk: SmallDisk, start_broker: StartBroker
) -> None:
    """It stayed refused until a restart: what the failed write left behind was remembered for the next write, and no
    next write was begun."""
    broker = start_on(small_disk, start_broker, "os")
    small_disk.fill(leave_bytes=4 << 20)
    with Wire(broker.bootstrap) as wire:
        wire.create_topic("t", 2)
        producer = Producer(wire)
        assert producer.send_until_refused() == {ErrorCode.KAFKA_STORAGE_ERROR}
        producer.check(wire)
        assert broker.log_text().count("t-0 refuses writes") == 1

        small_disk.free()

        assert [producer.send(partition) for partition in (0, 1)] == [ErrorCode.NONE] * 2
        assert "t-0 takes writes again" in broker.log_text()
        producer.check(wire)
    broker.kill()
    broker.start()
    with Wire(broker.bootstrap) as wire:
        producer.check(wire)


def test_a_broker_that_was_killed_on_a_full_disk_has_everything_when_there_is_room(
    small_disk: SmallDisk, start_broker: StartBroker
) -> None:
    broker = start_on(small_disk, start_broker, "commit")
    small_disk.fill(leave_bytes=4 << 20)
    with Wire(broker.bootstrap) as wire:
        wire.create_topic("t", 2)
        producer = Producer(wire)
        producer.send_until_refused()
    small_disk.fill()
    broker.kill()
    # Without any room, it serves what is there or says why it does not.
    try:
        broker.start()
    except AssertionError:
        assert "No space left on device" in broker.log_text()
        assert "Traceback" not in broker.log_text()
    else:
        broker.kill()

    small_disk.free()
    broker.start()

    with Wire(broker.bootstrap) as wire:
        producer.check(wire)


def test_what_a_start_found_no_room_for_is_served_when_there_is_room(tmp_path: Path, start_broker: StartBroker) -> None:
    """It stayed offline until a restart: only a start repeated the journal."""
    with mounted(tmp_path / "disk", megabytes=48) as disk:
        broker = start_on(disk, start_broker, "commit", checkpoint_interval_ms=3_600_000)
        with Wire(broker.bootstrap) as wire:
            wire.create_topic("t", 2)
            producer = Producer(wire)
            # The one is small, and first in the journal: it finds room.
            assert {producer.send(1)} | {producer.send(0) for _ in range(400)} == {ErrorCode.NONE}
        broker.kill()
        for partition in (0, 1):
            lose_segments(disk.path / "data" / f"t-{partition}")
        disk.fill(leave_bytes=ROOM_TO_SPARE_BYTES + (1 << 20))
        broker.start()
        with Wire(broker.bootstrap) as wire:
            producer.wire = wire
            # Clients are to try again.
            assert producer.send(0) is ErrorCode.KAFKA_STORAGE_ERROR
            assert producer.send(1) is ErrorCode.NONE
            assert ErrorCode(wire.fetch("t").error_code) is ErrorCode.KAFKA_STORAGE_ERROR
            assert broker.log_text().count("partition t-0 is offline, and opened when the disk lets it") == 1
            disk.free()
            deadline = time.monotonic() + DEADLINE_S
            while wire.fetch("t").error_code != ErrorCode.NONE:
                assert time.monotonic() < deadline, broker.log_text()
            producer.check(wire)
            assert [producer.send(partition) for partition in (0, 1)] == [ErrorCode.NONE] * 2
        broker.kill()
        broker.start()
        with Wire(broker.bootstrap) as wire:
            producer.check(wire)


def test_a_stop_on_a_full_disk_loses_nothing_and_says_that_it_was_not_clean(
    small_disk: SmallDisk, start_broker: StartBroker
) -> None:
    broker = start_on(small_disk, start_broker, "commit", checkpoint_interval_ms=3_600_000)
    with Wire(broker.bootstrap) as wire:
        wire.create_topic("t", 2)
        producer = Producer(wire)
        assert {producer.send(partition) for partition in (0, 1) for _ in range(50)} == {ErrorCode.NONE}
    small_disk.fill()

    assert broker.stop() == 1

    assert "not stopped cleanly, so the next start recovers as after a crash: cannot" in broker.log_text()
    small_disk.free()
    broker.start()
    with Wire(broker.bootstrap) as wire:
        producer.check(wire)


def test_a_read_only_disk_is_refused_with_a_sentence(small_disk: SmallDisk, start_broker: StartBroker) -> None:
    broker = start_on(small_disk, start_broker, "commit")
    broker.stop()
    small_disk.make_read_only()

    status, said = refused_start(small_disk.path / "data")

    assert status == 1
    assert f"cannot write in the data directory {small_disk.path}/data (Read-only file system)" in said
