"""The names of new logs are durable before anything is written to them, and no loop waits for that."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.log import LogManager, PartitionLog
from broker.partition import NewNames
from wal import OsFilesystem

TOPIC_ID = bytes(range(16))
COUNT = 120


class FailingToSync(OsFilesystem):
    """A disk on which the names in one directory cannot be made durable."""

    def __init__(self, part_of_path: str) -> None:
        self._part_of_path = part_of_path

    def sync_directory(self, path: str) -> None:
        if self._part_of_path in path:
            raise OSError(errno.EIO, "Input/output error")
        super().sync_directory(path)


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[str]:
    yield str(tmp_path / "data")


def new_logs(filesystem: OsFilesystem, directory: str) -> list[PartitionLog]:
    manager = LogManager(filesystem, directory)
    manager.load_all()
    return [manager.get_or_create("orders", TOPIC_ID, index) for index in range(COUNT)]


async def made_durable(filesystem: OsFilesystem, logs: list[PartitionLog]) -> None:
    names = NewNames(filesystem, loop=asyncio.get_running_loop())
    for log in logs:
        names.add(log)
    await names.settled()


def test_logs_that_are_new_need_no_sync_of_names_when_they_are_written_to(directory: str) -> None:
    logs = new_logs(OsFilesystem(), directory)
    assert all(log.created_files for log in logs)
    asyncio.run(made_durable(OsFilesystem(), logs))
    assert not any(log.created_files for log in logs)


def test_a_file_that_was_made_meanwhile_is_still_to_be_made_durable(directory: str) -> None:
    logs = new_logs(OsFilesystem(), directory)

    async def with_another() -> None:
        names = NewNames(OsFilesystem(), loop=asyncio.get_running_loop())
        names.add(logs[0])
        await asyncio.sleep(0)  # the worker has its list now
        logs[0].created_files.append("another")
        await names.settled()

    asyncio.run(with_another())
    assert logs[0].created_files == ["another"]


def test_a_log_whose_name_the_disk_refused_takes_nothing(directory: str) -> None:
    """A sync that failed is not tried again: the kernel may say yes the second time, and have written nothing."""
    logs = new_logs(OsFilesystem(), directory)
    asyncio.run(made_durable(FailingToSync("orders-7"), logs))
    assert [log.partition for log in logs if log.failure] == [7, *range(70, 80)]
    assert all("Input/output error" in log.failure for log in logs if log.failure)
    assert [log.partition for log in logs if log.created_files] == [7, *range(70, 80)]
