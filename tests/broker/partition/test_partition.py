"""A partition on a disk that refuses, is full, or forgets: what it promises, and that it serves again afterwards."""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import Awaitable, Callable

import pytest
from harness.partition_host import PartitionHostOfOne, led_alone
from log_harness import batch
from log_harness.batches import NOW_MS
from log_harness.logs import LogOnDisk

from broker.durability import Committer
from broker.end_of_turn import EndOfTurn
from broker.log import AppendOrigin, LogConfig
from broker.metadata import PartitionImage
from broker.partition import Partition
from protocol.errors import ErrorCode, KafkaError
from wal import Journal, StorageError

SMALL_SEGMENTS = LogConfig(segment_bytes=2000, max_message_bytes=1500)


class Bench:
    """One led partition, its journal on the same disk, and the loop's turn that writes."""

    def __init__(self, config: LogConfig | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        self.node = LogOnDisk(config)
        self.disk = self.node.disk
        self.log = self.node.log
        self.committer = Committer(
            Journal.open(self.disk, "data/journal"),
            loop=self.loop,
            end_of_turn=EndOfTurn(self.loop),
            on_failure=self._storage_failed,
        )
        self.partition = Partition(self.log, PartitionHostOfOne(self.committer, self._schedule))
        self.partition.lead(led_alone())
        self.committer.start()

    def _schedule(self, partition: Partition) -> None:
        self.loop.call_soon(self._write_out)

    def _write_out(self) -> None:
        self.partition.write_out()
        self.committer.wake()

    def _storage_failed(self, error: StorageError) -> None:
        self.partition.fail(str(error))

    async def produce(self, value: bytes) -> int:
        """The offset, when it is durable. Raises KafkaError."""
        done: asyncio.Future[ErrorCode] = self.loop.create_future()
        result = self.partition.append(batch(value), now_ms=NOW_MS)
        self.partition.when_durable(result.last_offset + 1, done.set_result)
        error = await done
        if error is not ErrorCode.NONE:
            raise KafkaError(error)
        return result.base_offset


def run(scenario: Callable[[Bench], Awaitable[None]], config: LogConfig | None = None) -> None:
    async def with_bench() -> None:
        bench = Bench(config)
        try:
            await scenario(bench)
        finally:
            bench.committer.stop()

    asyncio.run(with_bench())


def test_a_segment_that_could_not_be_begun_is_begun_by_a_later_append() -> None:
    """The refusal was kept for a write that was never to come, for nothing else had been appended: the partition
    refused everything until the restart, long after there was room again."""

    async def scenario(bench: Bench) -> None:
        await bench.produce(bytes(1200))
        bench.disk.fail("create", errno.ENOSPC, path_part=".log")
        with pytest.raises(KafkaError) as refused:
            await bench.produce(bytes(1200))
        assert refused.value.code is ErrorCode.KAFKA_STORAGE_ERROR
        await asyncio.sleep(0)
        assert await bench.produce(bytes(1200)) == 1

    run(scenario, SMALL_SEGMENTS)


def test_a_follower_goes_on_behind_a_segment_that_could_not_be_begun() -> None:
    """As above; the records came from its leader, and the follower fell out of the in-sync set for good."""

    async def scenario(bench: Bench) -> None:
        leader = LogOnDisk(SMALL_SEGMENTS)
        for _ in range(2):
            leader.append(batch(bytes(1200)))
        fetched = [leader.log.read(offset, max_bytes=1, max_offset=2).records for offset in range(2)]
        bench.partition.follow(2, 2)
        role = bench.partition.following
        assert role is not None
        stored = asyncio.Event()
        role.on_stored = lambda _: stored.set()
        role.append(fetched[0])
        await stored.wait()
        bench.disk.fail("create", errno.ENOSPC, path_part=".log")
        with pytest.raises(StorageError):
            role.append(fetched[1])
        await asyncio.sleep(0)
        role.append(fetched[1])
        assert bench.log.log_end_offset == 2

    run(scenario, SMALL_SEGMENTS)


def test_who_was_proposed_as_in_sync_counts_for_a_leader_that_leads_on() -> None:
    """The leader stood down for a moment and forgot whom it had proposed; the controller agreed just then. What was
    committed in between was not on a replica that was in sync, and could be elected."""

    async def scenario(bench: Bench) -> None:
        alone_of_two = PartitionImage(0, replicas=(1, 2), isr=(1,), leader=1, leader_epoch=1, partition_epoch=1)
        bench.partition.lead(alone_of_two)
        await bench.produce(b"x")
        bench.partition.replica_fetched(2, 1, log_start_offset=0, broker_epoch=1)
        bench.partition.resign(ErrorCode.NOT_LEADER_OR_FOLLOWER)
        bench.partition.lead(alone_of_two)
        await bench.produce(b"y")
        assert bench.partition.high_watermark == 1

    run(scenario)


def test_records_are_not_deleted_for_a_second_asker_before_they_are_for_the_first() -> None:
    """The second was told at once, because the start had moved already; a crash then brought the records back."""

    async def scenario(bench: Bench) -> None:
        await bench.produce(b"x")
        syncing, may_sync = threading.Event(), threading.Event()

        def hold(operation: str, path: str) -> None:
            if operation == "datasync" and "journal" in path:
                syncing.set()
                may_sync.wait(30)

        bench.disk.before_operation = hold
        first = asyncio.ensure_future(bench.partition.log_starts.delete_records_before(1, timeout_ms=30_000))
        await asyncio.to_thread(syncing.wait, 30)
        second = asyncio.ensure_future(bench.partition.log_starts.delete_records_before(1, timeout_ms=30_000))
        for _ in range(10):
            await asyncio.sleep(0)
        was_told = second.done()
        may_sync.set()
        assert not was_told
        assert [await first, await second] == [1, 1]

    run(scenario)


def test_deleted_records_are_not_promised_by_a_journal_that_failed() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.produce(b"x")
        bench.disk.fail("datasync", errno.EIO, path_part="journal")
        for _ in range(3):
            with pytest.raises(KafkaError) as refused:
                await bench.partition.log_starts.delete_records_before(1, timeout_ms=30_000)
            assert refused.value.code is ErrorCode.KAFKA_STORAGE_ERROR

    run(scenario)


def test_who_deletes_records_of_a_topic_that_goes_away_is_told() -> None:
    """The partition was in no table any more when the journal failed, so nobody told those who waited at it."""

    async def scenario(bench: Bench) -> None:
        await bench.produce(b"x")
        waiting = asyncio.ensure_future(bench.partition.log_starts.delete_records_before(1, timeout_ms=30_000))
        await asyncio.sleep(0)
        bench.partition.resign(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
        with pytest.raises(KafkaError) as refused:
            await waiting
        assert refused.value.code is ErrorCode.UNKNOWN_TOPIC_OR_PARTITION

    run(scenario)


def test_a_client_may_not_write_to_an_internal_topic() -> None:
    """KIP-4's rule: what a client wrote there would be the state of every group after the next restart."""

    async def scenario(bench: Bench) -> None:
        log = bench.node.logs.get_or_create("__consumer_offsets", bytes(15) + b"\1", 0)
        internal = Partition(log, PartitionHostOfOne(bench.committer, lambda partition: partition.write_out()))
        internal.lead(led_alone())
        with pytest.raises(KafkaError) as refused:
            internal.append(batch(b"x"), now_ms=NOW_MS)
        assert refused.value.code is ErrorCode.INVALID_TOPIC_EXCEPTION
        assert internal.append(batch(b"x"), now_ms=NOW_MS, origin=AppendOrigin.COORDINATOR).base_offset == 0

    run(scenario)


def test_one_waiter_that_fails_takes_no_other_with_it() -> None:
    async def scenario(bench: Bench) -> None:
        def fail(error: ErrorCode) -> None:
            raise ZeroDivisionError("a fault of ours")

        first = bench.partition.append(batch(b"x"), now_ms=NOW_MS)
        bench.partition.when_durable(first.last_offset + 1, fail)
        bench.partition.when_committed(first.last_offset + 1, fail)
        other = Partition(LogOnDisk().log, PartitionHostOfOne(bench.committer, lambda partition: partition.write_out()))
        other.lead(led_alone())
        done: asyncio.Future[ErrorCode] = bench.loop.create_future()
        bench.loop.set_exception_handler(lambda loop, context: None)
        await asyncio.sleep(0)
        second = other.append(batch(b"y"), now_ms=NOW_MS)
        other.when_durable(second.last_offset + 1, done.set_result)
        bench.committer.wake()
        assert await asyncio.wait_for(done, 30) is ErrorCode.NONE

    run(scenario)
