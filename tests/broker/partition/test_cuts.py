"""Logs are cut with their syncs beside the loop: nobody finds one half cut, and what the disk refuses is told."""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.partition_host import PartitionHostOfOne
from log_harness.batches import NOW_MS, batch

from broker.durability import PageCache
from broker.log import LogManager
from broker.partition import Cuts, FollowerRole, LogCut, Partition, cut_at_once
from wal.filesystem import OsFile, OsFilesystem

TOPIC_ID = bytes(range(16))
COUNT = 60
KEPT = 3


class Host(PartitionHostOfOne):
    """Hands cuts to `with_worker`."""

    with_worker: Callable[[Partition, LogCut], None]

    def make_cut(self, partition: Partition, cut: LogCut) -> None:
        self.with_worker(partition, cut)


class SyncsInWorkers(OsFilesystem):
    """Counts the opens of each thread; a file whose path holds `refused` cannot be opened by a worker."""

    def __init__(self, refused: str = "") -> None:
        self._refused = refused
        self._loop_thread = threading.get_ident()
        self.opened_by_workers: list[str] = []

    def open(self, path: str, *, create: bool = False) -> OsFile:
        if threading.get_ident() != self._loop_thread:
            self.opened_by_workers.append(path)
            if self._refused and self._refused in path:
                raise OSError(errno.EIO, "Input/output error", path)
        return super().open(path, create=create)


@contextmanager
def followers(filesystem: OsFilesystem, directory: Path) -> Iterator[tuple[Host, list[Partition]]]:
    """Partitions that follow node 2, with six records each. On the loop."""
    logs = LogManager(filesystem, str(directory / "data"), open_files_max=8)
    logs.load_all()
    host = Host(PageCache(loop=asyncio.get_running_loop()), lambda partition: None)
    host.with_worker = cut_at_once
    partitions = []
    for index in range(COUNT):
        log = logs.get_or_create("orders", TOPIC_ID, index)
        for _ in range(6):
            log.append_as_leader(batch(b"v"), leader_epoch=1, now_ms=NOW_MS)
        log.write_out()
        partitions.append(Partition(log, host))
        partitions[-1].follow(2, 5)
    try:
        yield host, partitions
    finally:
        logs.disk.close()


def role_of(partition: Partition) -> FollowerRole:
    assert partition.following is not None
    return partition.following


@contextmanager
def followers_with_worker(filesystem: OsFilesystem, directory: Path) -> Iterator[tuple[Cuts, list[Partition]]]:
    with followers(filesystem, directory) as (host, partitions):
        cuts = Cuts(filesystem, loop=asyncio.get_running_loop())
        host.with_worker = cuts.add
        yield cuts, partitions


async def all_cut(filesystem: OsFilesystem, directory: Path) -> list[Partition]:
    with followers_with_worker(filesystem, directory) as (cuts, partitions):
        for partition in partitions:
            role_of(partition).truncate(1, KEPT)
        await asyncio.sleep(0)  # the journal has them: it told of all in one turn
        await cuts.settled()
        return partitions


def test_all_that_diverge_are_cut_and_the_worker_syncs_their_files(tmp_path: Path) -> None:
    filesystem = SyncsInWorkers()
    partitions = asyncio.run(all_cut(filesystem, tmp_path))
    assert [partition.log.log_end_offset for partition in partitions] == [KEPT] * COUNT
    assert [partition.durable_end_offset for partition in partitions] == [KEPT] * COUNT
    assert all(role_of(partition).is_stored for partition in partitions)
    assert set(filesystem.opened_by_workers) >= {partition.log.active.log_path for partition in partitions}


def test_a_log_is_not_stored_before_its_cut_is_durable(tmp_path: Path) -> None:
    """What is stored is acknowledged by the next fetch, and appended to."""

    async def story() -> None:
        with followers(OsFilesystem(), tmp_path) as (host, (partition, *_)):
            taken: list[LogCut] = []
            host.with_worker = lambda _, cut: taken.append(cut)
            role_of(partition).truncate(1, KEPT)
            await asyncio.sleep(0)
            (cut,) = taken
            cut.prepare(partition.log.disk)
            assert partition.log.log_end_offset == 6
            cut.make()
            partition.log_was_cut()
            assert partition.log.log_end_offset == KEPT
            assert partition.is_being_cut and not role_of(partition).is_stored
            cut.sync(partition.log.disk)
            partition.cut_is_durable()
            assert not partition.is_being_cut and role_of(partition).is_stored

    asyncio.run(story())


def test_a_log_that_the_disk_would_not_sync_takes_nothing_more_and_the_others_go_on(tmp_path: Path) -> None:
    partitions = asyncio.run(all_cut(SyncsInWorkers(refused="orders-7/"), tmp_path))
    assert [partition.index for partition in partitions if partition.is_being_cut] == [7]
    assert "Input/output error" in partitions[7].log.failure
    assert not any(partition.log.failure for partition in partitions if partition.index != 7)


def test_a_log_that_was_deleted_meanwhile_is_left_alone(tmp_path: Path) -> None:
    async def story() -> None:
        with followers_with_worker(OsFilesystem(), tmp_path) as (cuts, (partition, *_)):
            role_of(partition).truncate(1, KEPT)
            await asyncio.sleep(0)
            partition.log.failure = "it was deleted"
            await cuts.settled()
            assert (partition.log.log_end_offset, partition.log.failure) == (6, "it was deleted")

    asyncio.run(story())


def test_after_the_stop_a_cut_is_made_at_once(tmp_path: Path) -> None:
    """The journal's last commit may let one through when nobody runs the loop any more."""

    async def story() -> None:
        with followers_with_worker(OsFilesystem(), tmp_path) as (cuts, (partition, *_)):
            await cuts.stop()
            role_of(partition).truncate(1, KEPT)
            await asyncio.sleep(0)
            assert partition.log.log_end_offset == KEPT and role_of(partition).is_stored

    asyncio.run(story())
