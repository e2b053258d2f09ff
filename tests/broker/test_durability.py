"""The committer resumes whom it promised to, once the journal has their entry, and nobody after a failure."""

from __future__ import annotations

import asyncio
import errno

import pytest
from simulation import SimulatedFilesystem

from broker.durability import Committer, IntervalCommitter, PageCache
from broker.end_of_turn import EndOfTurn
from wal import Journal, StorageError


def committer_on(disk: SimulatedFilesystem, failures: list[StorageError]) -> Committer:
    disk.make_directory("journal")
    loop = asyncio.get_running_loop()
    return Committer(Journal.open(disk, "journal"), loop=loop, end_of_turn=EndOfTurn(loop), on_failure=failures.append)


def test_waiters_resume_in_order_and_catching_up_comes_after_them() -> None:
    async def scenario() -> None:
        told: list[str] = []
        committer = committer_on(SimulatedFilesystem(), [])
        committer.append(1, [b"a"], lambda: told.append("a"))
        committer.append(1, [b"b"], lambda: told.append("b"))
        committer.start()
        await committer.catch_up()
        assert told == ["a", "b"]
        await committer.catch_up()
        committer.stop()

    asyncio.run(scenario())


def test_after_a_failed_sync_nobody_is_told_that_it_is_durable() -> None:
    async def scenario() -> None:
        told: list[str] = []
        failures: list[StorageError] = []
        disk = SimulatedFilesystem()
        committer = committer_on(disk, failures)
        disk.fail("write", errno.EIO)
        committer.append(1, [b"a"], lambda: told.append("a"))
        committer.start()
        with pytest.raises(StorageError):
            await committer.catch_up()
        assert told == []
        assert len(failures) == 1
        with pytest.raises(StorageError):
            await committer.catch_up()
        committer.stop()

    asyncio.run(scenario())


def test_from_the_page_cache_the_turn_is_acknowledged_in_order_when_all_of_it_is_written() -> None:
    async def scenario() -> None:
        told: list[str] = []
        durability = PageCache(loop=asyncio.get_running_loop())
        durability.append(1, [b"a"], lambda: told.append("a"))
        durability.append(1, [b"b"], lambda: told.remove("never told"))
        durability.after_all(lambda: told.append("all"))
        await asyncio.sleep(0)
        assert told == [], "its segments may not be written yet"
        durability.wake()
        assert told == ["a", "all"], "and a waiter that fails takes no other along"
        durability.wake()
        assert told == ["a", "all"]

    asyncio.run(scenario())


def test_what_must_be_durable_at_once_needs_no_end_of_a_turn_even_where_nothing_is_journalled() -> None:
    async def scenario() -> None:
        told = asyncio.Event()
        PageCache(loop=asyncio.get_running_loop()).append_durably(1, b"a cut", told.set)
        assert not told.is_set(), "whoever asks has not got ready for the answer"
        await told.wait()

    asyncio.run(scenario())


def test_with_an_interval_the_turn_is_acknowledged_when_it_is_written_and_before_it_is_synced() -> None:
    async def scenario() -> None:
        told: list[str] = []
        committer = committer_on(SimulatedFilesystem(), [])
        durability = IntervalCommitter(
            committer, loop=asyncio.get_running_loop(), interval_ms=600_000, interval_messages=None
        )
        committer.start()
        durability.append(1, [b"a"], lambda: told.append("a"))
        durability.after_all(lambda: told.append("all"))
        assert told == []
        durability.wake()
        assert told == ["a", "all"]
        committer.stop()

    asyncio.run(scenario())
