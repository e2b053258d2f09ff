"""The committer resumes whom it promised to, once the journal has their entry, and nobody after a failure."""

from __future__ import annotations

import asyncio
import errno

import pytest
from simulation import SimulatedFilesystem

from broker.durability import Committer
from wal import Journal, StorageError


def committer_on(disk: SimulatedFilesystem, failures: list[StorageError]) -> Committer:
    disk.make_directory("journal")
    return Committer(Journal.open(disk, "journal"), loop=asyncio.get_running_loop(), on_failure=failures.append)


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
