"""Taking a snapshot once enough log has gathered, and letting go of the log that it stands for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from broker.metadata import MetadataImage
from broker.quorum.log_storage import LogStorage
from broker.quorum.ready_loop import ReadyLoop
from broker.quorum.snapshots import Snapshot, snapshot_of
from raft import RaftNode
from wal import StorageError

logger = logging.getLogger(__name__)


class SnapshotTaker:
    """`state` gives the image and the index that it holds everything up to."""

    def __init__(
        self,
        node: RaftNode,
        storage: LogStorage,
        readies: ReadyLoop,
        *,
        interval_bytes: int,
        state: Callable[[], tuple[MetadataImage, int]],
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self._node = node
        self._storage = storage
        self._readies = readies
        self._interval_bytes = interval_bytes
        self._state = state
        self._on_failure = on_failure
        self._bytes = 0
        self._task: asyncio.Task[None] | None = None

    def applied(self, size_bytes: int) -> None:
        """So much more log is applied."""
        self._bytes += size_bytes
        if self._bytes >= self._interval_bytes and self._task is None:
            self._bytes = 0
            self._task = asyncio.get_running_loop().create_task(self._run(), name="metadata-snapshot")

    def restored(self) -> None:
        """Another node's snapshot took the place of everything."""
        self._bytes = 0

    async def stop(self) -> None:
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            await self._take()
        except StorageError as error:
            # Nothing is lost: the log still holds everything.
            again = "tried again when the log has grown by another interval"
            logger.error("no snapshot of the metadata could be written; %s: %s", again, error)
        except BaseException as error:  # noqa: BLE001 - the guard of this task
            self._on_failure(error)
        finally:
            self._task = None

    async def _take(self) -> None:
        """The image is immutable: the worker encodes it while the loop goes on. What is to be written waits."""
        image, index = self._state()
        configuration, term = self._node.configuration_at(index), self._storage.term(index)
        if configuration is None or term is None or index <= self._storage.snapshot().index:
            return
        taken: list[Snapshot] = []

        def take() -> None:
            snapshot = snapshot_of(image, index=index, term=term, configuration=configuration)
            self._storage.write_snapshot(snapshot)
            taken.append(snapshot)

        await self._readies.in_worker(take)
        if self._readies.has_ended or index <= self._storage.snapshot().index:
            return
        below = self._storage.install_own(taken[0])
        self._node.compacted()
        await self._readies.in_worker(lambda: self._storage.commit_and_trim(below))
