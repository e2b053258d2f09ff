"""A partition on a disk that refuses, is full, or forgets: what it promises, and that it serves again afterwards."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable

import pytest
from log_harness import batch
from log_harness.batches import NOW_MS
from log_harness.logs import LogOnDisk

from broker.durability import Committer
from broker.log import LogConfig
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
            Journal.open(self.disk, "data/journal"), loop=self.loop, on_failure=self._storage_failed
        )
        self.partition = Partition(self.log, durability=self.committer, schedule_write=self._schedule)
        self.partition.lead(1)
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
