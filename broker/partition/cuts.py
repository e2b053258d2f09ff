"""Cuts of logs, with what they wait for on the disk done beside the loop.

After an election hundreds of followers may have a tail that their leaders do not have. Each cut waits for one or more
syncs: were they the loop's, it would stand still for half a second, and clients and brokers with it. So a worker does
them, for as many cuts together as have gathered; only the cut itself, which readers of the log must not see half made,
is the loop's. Until all is durable the partition counts as being cut: nothing is appended to it, and it is not led.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Protocol

from broker.background import Drainer, in_worker
from broker.log import Disk
from wal import Filesystem, StorageError

if TYPE_CHECKING:
    from broker.partition.partition import Partition

# As many cuts are made in one turn of the loop.
TOGETHER_MAX = 20


class LogCut(Protocol):
    """Three steps, one after the other; `broker.log.Truncation` is one. Each raises StorageError."""

    def prepare(self, disk: Disk) -> None:
        """On any thread, with a disk of its own: what must be durable before the cut."""
        ...

    def make(self) -> None:
        """On the loop's thread."""
        ...

    def sync(self, disk: Disk) -> None:
        """On any thread again: what must be durable before the next append."""
        ...


class Cuts:
    """`add` and `stop` are called on the loop's thread."""

    def __init__(self, filesystem: Filesystem, *, loop: asyncio.AbstractEventLoop) -> None:
        self._filesystem = filesystem
        self._waiting: list[tuple[Partition, LogCut]] = []
        self._drainer = Drainer("cuts", self._drain, loop=loop)
        self._is_stopped = False

    def add(self, partition: Partition, cut: LogCut) -> None:
        """`partition` is told when its log was cut, and when it may go on."""
        if self._is_stopped:
            cut_at_once(partition, cut)
            return
        self._waiting.append((partition, cut))
        self._drainer.begin()

    async def settled(self) -> None:
        """Return when nothing that was added is still to be done."""
        await self._drainer.settled()

    async def stop(self) -> None:
        """What was added is made; what the journal lets through later is made at once."""
        await self.settled()
        self._is_stopped = True

    async def _drain(self) -> None:
        while self._waiting:
            cuts, self._waiting = self._waiting[:TOGETHER_MAX], self._waiting[TOGETHER_MAX:]
            errors = await in_worker(self._each, [cut.prepare for _, cut in cuts])
            cuts = [cut for cut, error in zip(cuts, errors, strict=True) if _goes_on(cut[0], error)]
            cuts = [cut for cut in cuts if _made(*cut)]
            errors = await in_worker(self._each, [cut.sync for _, cut in cuts])
            for (partition, _), error in zip(cuts, errors, strict=True):
                if _goes_on(partition, error):
                    partition.cut_is_durable()

    def _each(self, steps: list[Callable[[Disk], None]]) -> list[StorageError | None]:
        """In the worker: what became of each."""
        with closing(Disk(self._filesystem, 4)) as disk:
            return [_failure_of(step, disk) for step in steps]


def cut_at_once(partition: Partition, cut: LogCut) -> None:
    """Where there is no worker."""
    disk = partition.log.disk
    if (
        _goes_on(partition, _failure_of(cut.prepare, disk))
        and _made(partition, cut)
        and _goes_on(partition, _failure_of(cut.sync, disk))
    ):
        partition.cut_is_durable()


def _failure_of(step: Callable[[Disk], None], disk: Disk) -> StorageError | None:
    try:
        step(disk)
    except StorageError as error:
        return error
    return None


def _made(partition: Partition, cut: LogCut) -> bool:
    try:
        cut.make()
    except StorageError as error:
        return _goes_on(partition, error)
    partition.log_was_cut()
    return True


def _goes_on(partition: Partition, error: StorageError | None) -> bool:
    """Its log may have been deleted meanwhile: then it does not matter what the disk said."""
    if partition.log.failure:
        return False
    if error is not None:
        partition.could_not_be_cut(error)
    return error is None
