"""The committer: one thread that makes what was appended durable, and the loop's waiters that it resumes.

Group commit has no timer: entries gather while the previous sync runs, and the next commit takes them all. The loop's
thread enqueues, the committer's thread writes and syncs, and one `call_soon_threadsafe` a commit brings the news back.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from broker.config import BrokerConfig
from broker.end_of_turn import EndOfTurn
from broker.machine import Worker, WorkerThread
from wal import Buffer, Filesystem, Journal, StorageError

logger = logging.getLogger(__name__)

OnDurable = Callable[[], None]

# What waits for the sync of its interval: above this it is synced at once, and acknowledged no sooner.
GATHERED_BYTES_MAX = 64 * 1024 * 1024


class Durability(Protocol):
    """What a partition needs of the journal; the choice `flush=` picks the implementation."""

    def append(self, kind: int, parts: Sequence[Buffer], on_durable: OnDurable, *, record_count: int = 1) -> None:
        """Put an entry into the journal; `on_durable` runs on the loop when it may be acknowledged, not before the next
        `wake`."""
        ...

    def append_durably(self, kind: int, payload: Buffer, on_durable: OnDurable) -> None:
        """The same for an entry that must be on the disk before what it says is done, whatever `flush` is; at once."""
        ...

    def after_all(self, on_durable: OnDurable) -> None:
        """Run `on_durable` when all that was put into the journal so far may be acknowledged."""
        ...

    def wake(self) -> None:
        """All appends of this turn are in, and in the segments: begin a commit as soon as the previous one is done.
        Who waits for no disk is resumed before this returns."""
        ...


class Committer:
    """`flush=commit`: an entry may be acknowledged after the group commit that holds it.

    A storage failure is final: the waiters are dropped unresolved after `on_failure` was told, which stops the node's
    acknowledgements; fsync errors are never retried as if nothing had happened.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        loop: asyncio.AbstractEventLoop,
        end_of_turn: EndOfTurn,
        on_failure: Callable[[StorageError], None],
        worker: Worker | None = None,
    ) -> None:
        self._journal = journal
        self._committed = journal.durable_sequence
        self._loop = loop
        self._on_failure = on_failure
        self._waiting: deque[tuple[int, OnDurable]] = deque()
        self._catching_up: dict[asyncio.Future[None], None] = {}
        self._failed = False
        self._end_of_turn = end_of_turn
        self._worker = worker or WorkerThread("journal-committer")
        self.wake = self._worker.wake

    def start(self) -> None:
        self._worker.start(self._commit)

    def stop(self) -> None:
        """Commit what is left, then end the thread. Called after the last append; blocks for one sync."""
        self._worker.stop()
        self._resume(self._journal.durable_sequence)

    # --- the loop's thread -------------------------------------------------------------------------------------

    def append(self, kind: int, parts: Sequence[Buffer], on_durable: OnDurable, *, record_count: int = 1) -> None:
        self._waiting.append((self._journal.enqueue(kind, parts), on_durable))

    def append_durably(self, kind: int, payload: Buffer, on_durable: OnDurable) -> None:
        self.append(kind, [payload], on_durable)
        self.wake()

    def after_all(self, on_durable: OnDurable) -> None:
        if self._waiting:
            self._waiting.append((self._waiting[-1][0], on_durable))
        else:
            on_durable()

    async def catch_up(self) -> None:
        """Wait until everything appended so far is durable, committing it now; StorageError if it will not be."""
        if self._failed:
            raise StorageError("the journal failed; nothing more becomes durable until this node is restarted")
        if not self._waiting:
            return
        caught_up: asyncio.Future[None] = self._loop.create_future()
        self._catching_up[caught_up] = None
        self._waiting.append((self._waiting[-1][0], lambda: _complete(caught_up)))
        self.wake()
        try:
            await caught_up
        finally:
            self._catching_up.pop(caught_up, None)

    def _resume(self, durable_sequence: int) -> None:
        waiting = self._waiting
        while waiting and waiting[0][0] <= durable_sequence:
            resume(waiting.popleft()[1])

    def _fail(self, error: StorageError) -> None:
        if self._failed:
            return
        self._failed = True
        self._waiting.clear()
        for caught_up in self._catching_up:
            if not caught_up.done():
                caught_up.set_exception(error)
        self._on_failure(error)

    # --- the committer's thread --------------------------------------------------------------------------------

    def _commit(self) -> bool:
        try:
            while (committed := self._journal.commit()) > self._committed:
                self._committed = committed
                self._loop.call_soon_threadsafe(self._end_of_turn.run, self._resume, committed)
        except StorageError as error:
            self._loop.call_soon_threadsafe(self._fail, error)
            return False
        except Exception as error:  # the guard of this thread: whoever waits must hear of any end of it
            logger.exception("the committer failed")
            self._loop.call_soon_threadsafe(self._fail, StorageError(f"the committer failed: {error!r}"))
            return False
        return True


class IntervalCommitter:
    """`flush=interval`: acknowledged from the page cache, journalled, and synced every so many messages or ms.

    A crash of the process loses nothing; a power failure loses at most the last interval (log.flush.interval.*).
    """

    def __init__(
        self,
        committer: Committer,
        *,
        loop: asyncio.AbstractEventLoop,
        interval_ms: int | None,
        interval_messages: int | None,
    ) -> None:
        self._committer = committer
        self._loop = loop
        self._interval_ms = interval_ms
        self._interval_messages = interval_messages
        self._records = 0
        self._gathered_bytes = 0
        # Told by the next `wake`, when the segments of its turn are written.
        self._acknowledged: list[OnDurable] = []
        self._timer: asyncio.TimerHandle | None = None

    def append(self, kind: int, parts: Sequence[Buffer], on_durable: OnDurable, *, record_count: int = 1) -> None:
        size = sum(map(len, parts))
        self._records += record_count
        self._gathered_bytes += size
        if self._gathered_bytes < GATHERED_BYTES_MAX:
            self._committer.append(kind, parts, lambda: self._synced(size))
            self._acknowledged.append(on_durable)
        else:
            # The disk is behind: from here on producers go at its speed, or the memory would fill.
            self._committer.append(kind, parts, lambda: self._synced(size, on_durable))

    def append_durably(self, kind: int, payload: Buffer, on_durable: OnDurable) -> None:
        self._committer.append_durably(kind, payload, on_durable)

    def after_all(self, on_durable: OnDurable) -> None:
        if self._gathered_bytes < GATHERED_BYTES_MAX:
            self._acknowledged.append(on_durable)
        else:
            self._committer.after_all(on_durable)

    def _synced(self, size: int, on_durable: OnDurable | None = None) -> None:
        self._gathered_bytes -= size
        if on_durable is not None:
            on_durable()

    def wake(self) -> None:
        is_due = self._interval_messages is not None and self._records >= self._interval_messages
        if is_due or self._gathered_bytes >= GATHERED_BYTES_MAX:
            self._commit()
        elif self._timer is None and self._interval_ms is not None:
            self._timer = self._loop.call_later(self._interval_ms / 1000, self._commit)
        acknowledged, self._acknowledged = self._acknowledged, []
        resume_all(acknowledged)

    def _commit(self) -> None:
        self._records = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._committer.wake()


class PageCache:
    """`flush=os`: Kafka's default semantics. The segment's page cache is the acknowledgement; nothing is journalled."""

    def __init__(self, *, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        # Told by the next `wake`, when the segments of its turn are written.
        self._acknowledged: list[OnDurable] = []

    def append(self, kind: int, parts: Sequence[Buffer], on_durable: OnDurable, *, record_count: int = 1) -> None:
        self._acknowledged.append(on_durable)

    def append_durably(self, kind: int, payload: Buffer, on_durable: OnDurable) -> None:
        """Without a journal the segments are all there is."""
        self._loop.call_soon(on_durable)

    def after_all(self, on_durable: OnDurable) -> None:
        self._acknowledged.append(on_durable)

    def wake(self) -> None:
        acknowledged, self._acknowledged = self._acknowledged, []
        resume_all(acknowledged)


def durability_of(
    flush: str, config: BrokerConfig, committer: Committer, loop: asyncio.AbstractEventLoop
) -> Durability:
    """As `flush` says, with the intervals of `config`."""
    if flush == "os":
        return PageCache(loop=loop)
    if flush == "interval":
        return IntervalCommitter(
            committer,
            loop=loop,
            interval_ms=config.log_flush_interval_ms,
            interval_messages=config.log_flush_interval_messages,
        )
    return committer


def begin_journal_anew(journal: Journal, filesystem: Filesystem, data_directory: str) -> Journal:
    """An empty one in its place, for a run that does not journal what it appends: a replay of the old entries by a
    later run would take that back."""
    journal.close()
    current, former = f"{data_directory}/journal", f"{data_directory}/journal.former"
    if filesystem.exists(former):
        filesystem.remove_directory(former)
    # First the name: half a journal would be a damaged one.
    filesystem.rename(current, former)
    filesystem.sync_directory(data_directory)
    filesystem.remove_directory(former)
    return Journal.open(filesystem, current, journal.limits)


def resume(waiter: Callable[[], None]) -> None:
    try:
        waiter()
    except Exception:  # a guard: one waiter's fault must not leave those of other partitions and clients waiting
        logger.exception("what waited for the journal failed")


def resume_all(waiters: Iterable[Callable[[], None]]) -> None:
    for waiter in waiters:
        resume(waiter)


def _complete(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)
