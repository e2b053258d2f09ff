"""The loop around the Raft core: what each Ready says is carried out in order, and the disk is waited for elsewhere.

    loop thread   send early messages ─ stage ─┐                        ┌─ send messages ─ apply, answer ─ advance
    worker                                     └─ write and sync, once ─┘

Readies that come while the worker is busy are staged behind it and share its next sync: a group commit without a timer.
A Ready that has nothing for the disk is carried out at once, if nothing is before it. Each turn begins with the next
iteration of the event loop, so everything that one of them brings goes into one Ready. A failure of the disk is final.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from broker.quorum.log_storage import LogStorage
from broker.quorum.snapshots import Snapshot
from raft import Message, RaftNode, Ready
from wal import StorageError

# How many may wait for the disk. What more there is gathers in the core.
UNDER_WAY_MAX = 256

_Staged = tuple[Ready, Snapshot | None]


class ReadyLoop:
    """`carry_out(ready, snapshot)` applies and answers. `on_failure` is told once what ended it all."""

    def __init__(
        self,
        node: RaftNode,
        storage: LogStorage,
        *,
        loop: asyncio.AbstractEventLoop,
        send: Callable[[Sequence[Message]], None],
        carry_out: Callable[[Ready, Snapshot | None], None],
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self._node = node
        self._storage = storage
        self._loop = loop
        self._send = send
        self._carry_out = carry_out
        self._on_failure = on_failure
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="metadata-log")
        self._turn_scheduled = False
        self._staged: deque[_Staged] = deque()
        self._under_way = 0
        self._writing: asyncio.Future[None] | None = None
        self.has_ended = False

    def turn_soon(self) -> None:
        """The core was told something: see what it wants, after all else of this turn was told, too."""
        if not self._turn_scheduled and not self.has_ended:
            self._turn_scheduled = True
            self._loop.call_soon(self._turn)

    async def in_worker(self, work: Callable[[], None]) -> None:
        """Run `work` in the thread that writes, between two writes."""
        await self._loop.run_in_executor(self._worker, work)

    async def stop(self) -> None:
        """Carry out nothing more; returns when the worker has."""
        self.has_ended = True
        if self._writing is not None:
            await asyncio.wait([self._writing])
        self._worker.shutdown(wait=True)

    def _turn(self) -> None:
        self._turn_scheduled = False
        try:
            self._take_readies()
        except Exception as error:  # noqa: BLE001 - the guard of this loop: a fault of ours must end it aloud
            # A journal that refuses more while it is being written has failed there: the worker will say how.
            if not (isinstance(error, StorageError) and self._writing is not None):
                self._fail(error)

    def _take_readies(self) -> None:
        while not self.has_ended and self._under_way < UNDER_WAY_MAX:
            ready = self._node.ready()
            if ready is None:
                return
            if ready.early_messages:
                self._send(ready.early_messages)
            if not self._under_way and not (ready.must_sync or ready.snapshot_chunks):
                self._storage.stage(ready)
                self._finish(ready, None)
                continue
            self._staged.append((ready, self._storage.stage(ready)))
            self._under_way += 1
            self._write()

    def _write(self) -> None:
        if self._writing is not None or not self._staged:
            return
        staged, self._staged = self._staged, deque()
        writing = self._loop.run_in_executor(self._worker, partial(_write_all, self._storage, staged))
        self._writing = writing
        writing.add_done_callback(partial(self._written, staged))

    def _written(self, staged: deque[_Staged], writing: asyncio.Future[None]) -> None:
        self._writing = None
        error = writing.exception()
        if error is not None:
            self._fail(error)
            return
        try:
            for ready, snapshot in staged:
                self._under_way -= 1
                self._finish(ready, snapshot)
            self._write()
            self._take_readies()
        except Exception as fault:  # noqa: BLE001 - as above
            self._fail(fault)

    def _finish(self, ready: Ready, snapshot: Snapshot | None) -> None:
        self._storage.written(ready, snapshot)
        if self.has_ended:
            return
        if ready.messages:
            self._send(ready.messages)
        self._carry_out(ready, snapshot)
        self._node.advance(ready)

    def _fail(self, error: BaseException) -> None:
        if not self.has_ended:
            self.has_ended = True
            self._on_failure(error)


def _write_all(storage: LogStorage, staged: deque[_Staged]) -> None:
    for _, snapshot in staged:
        if snapshot is not None:
            # What is staged is in the journal's queue behind this: the snapshot is durable before it is referred to.
            storage.write_snapshot(snapshot)
    storage.commit()
