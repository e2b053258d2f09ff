"""The names of new logs made durable beside the loop, before anything is written to them.

The first write of a log makes sure of its name, for the journal relies on it (`PartitionLog.make_names_durable`): three
syncs, which the loop waits for. A topic of a thousand partitions would stop a node for seconds when its clients begin,
long enough to be taken for dead. So a worker does it as soon as the logs are there; a write that comes earlier does it
itself, as if there were no worker.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import closing
from posixpath import dirname

from broker.background import Drainer, in_worker
from broker.log import Disk, PartitionLog
from wal import Filesystem, StorageError, SyncFailed

logger = logging.getLogger(__name__)

# Logs whose directories' parent is synced once for all of them; the next write of any of these need not.
TOGETHER_MAX = 50


class NewNames:
    """`add` and `stop` are called on the loop's thread."""

    def __init__(self, filesystem: Filesystem, *, loop: asyncio.AbstractEventLoop) -> None:
        self._filesystem = filesystem
        self._waiting: dict[PartitionLog, None] = {}
        self._drainer = Drainer("new-names", self._drain, loop=loop)

    def add(self, log: PartitionLog) -> None:
        if log.created_files:
            self._waiting[log] = None
            self._drainer.begin()

    async def settled(self) -> None:
        """Return when nothing that was added is still to be done."""
        await self._drainer.settled()

    async def stop(self) -> None:
        await self._drainer.cancel()

    async def _drain(self) -> None:
        while self._waiting:
            logs = list(self._waiting)[:TOGETHER_MAX]
            names = {log: tuple(log.created_files) for log in logs if log.created_files}
            for log in logs:
                del self._waiting[log]
            for log, error in (await in_worker(self._sync, names)).items():
                _settled(log, names[log], error)

    def _sync(self, names: dict[PartitionLog, tuple[str, ...]]) -> dict[PartitionLog, StorageError | None]:
        """In the worker: what became of each."""
        with closing(Disk(self._filesystem, 4)) as disk:
            return _synced(disk, names)


def _synced(disk: Disk, names: dict[PartitionLog, tuple[str, ...]]) -> dict[PartitionLog, StorageError | None]:
    outcomes: dict[PartitionLog, StorageError | None] = {}
    for log, paths in names.items():
        try:
            for path in paths:
                disk.sync(path)
            disk.sync_directory(log.directory)
            outcomes[log] = None
        except StorageError as error:
            outcomes[log] = error
    for parent in {dirname(log.directory) for log in names}:
        try:
            disk.sync_directory(parent)
        except StorageError as error:
            outcomes |= {log: error for log in names if dirname(log.directory) == parent}
    return outcomes


def _settled(log: PartitionLog, paths: tuple[str, ...], error: StorageError | None) -> None:
    if error is None:
        log.created_files = [path for path in log.created_files if path not in paths]
    elif isinstance(error, SyncFailed) and not log.failure:
        # Not tried again as if nothing had happened. Whatever else it was, the first write will see for itself.
        log.failure = f"{error}; nothing is appended to {log} until this node is restarted"
        logger.error("%s", log.failure)
