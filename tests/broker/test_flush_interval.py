"""flush=interval: what is acknowledged from the page cache, and when it is on the disk."""

from __future__ import annotations

import asyncio

import pytest
from simulation import SimulatedFilesystem

from broker.durability import GATHERED_BYTES_MAX, Committer, IntervalCommitter
from broker.end_of_turn import EndOfTurn
from wal import Journal, StorageError


class Interval:
    """With a timer that never ends by itself."""

    def __init__(self, *, interval_messages: int | None = None) -> None:
        loop = asyncio.get_running_loop()
        self.journal = Journal.open(SimulatedFilesystem(seed=1), "data/journal")
        self.committer = Committer(self.journal, loop=loop, end_of_turn=EndOfTurn(loop), on_failure=self._failed)
        self.durability = IntervalCommitter(
            self.committer, loop=loop, interval_ms=600_000, interval_messages=interval_messages
        )
        self.acknowledged = asyncio.Event()
        self.committer.start()

    def _failed(self, error: StorageError) -> None:
        pytest.fail(str(error))

    async def append(self, part: bytes, *, record_count: int = 1) -> None:
        """Append, and wait for the acknowledgement."""
        self.acknowledged.clear()
        self.durability.append(1, [part], self.acknowledged.set, record_count=record_count)
        self.durability.wake()
        await self.acknowledged.wait()


def test_an_interval_in_messages_counts_records_and_not_writes() -> None:
    """One write may hold thousands of them: log.flush.interval.messages=100 was a hundred writes of any size."""

    async def scenario() -> None:
        interval = Interval(interval_messages=100)
        await interval.append(b"x", record_count=60)
        assert interval.journal.durable_sequence == 0
        synced = asyncio.Event()
        interval.committer.append(1, [b"y"], synced.set)
        await interval.append(b"x", record_count=60)
        await synced.wait()
        interval.committer.stop()

    asyncio.run(scenario())


def test_what_waits_for_an_interval_takes_a_bounded_part_of_the_memory() -> None:
    """What is acknowledged at once slows no producer down: above the limit they go at the speed of the disk."""

    async def scenario() -> None:
        interval = Interval()
        part = bytes(GATHERED_BYTES_MAX // 4)
        for _ in range(3):
            await interval.append(part)
        assert interval.journal.durable_sequence == 0
        await interval.append(part)
        assert interval.journal.durable_sequence == 4
        interval.committer.stop()

    asyncio.run(scenario())
