"""One coordinator of one internal partition, from its election to its end: load, then decide, append, replay, answer.

Everything runs on the loop's thread and a step is never interrupted: decide, append and replay happen in one turn,
so rules always see what earlier rules wrote. What clients see is only what is committed: an answer waits for the
commit of everything that was appended before it was decided, whether it appended something itself or not.

    LOADING ──loaded──> ACTIVE ──append or commit lost, resigned──> CLOSED
       └──────────────────────log unreadable, resigned────────────────┘

A closed one never comes back; its owner makes a new one, which loads from the log what survived.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator
from enum import Enum
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from broker.clock import Clock
from broker.coordination.decision import Decision, Reply, TimerKey
from broker.coordination.errors import coordinator_error
from broker.coordination.loader import LoadableLog, load
from broker.coordination.timers import Timers
from broker.log import AppendOrigin, AppendResult
from protocol.errors import ErrorCode, KafkaError
from protocol.records import Record, build_batch

logger = logging.getLogger(__name__)

# Records that mean something one by one are written in batches of about this size, far below max.message.bytes.
SPLIT_BATCH_BYTES = 256 * 1024
_COMMIT_TIMER: TimerKey = ("commit",)

R = TypeVar("R")
S = TypeVar("S", bound="Shard[Any]")


class Shard(Protocol[R]):
    """The state of one internal partition and its rules. Knows no clock, no loop and no log."""

    def encode(self, record: R) -> tuple[bytes, bytes | None]: ...
    def decode(self, key: bytes, value: bytes | None) -> R | None:
        """None: a record of a kind this coordinator does not know."""
        ...

    def replay(self, record: R) -> None:
        """The only code that changes replicated state."""
        ...

    def loaded(self, decision: Decision[R]) -> None:
        """The log was replayed: set the timers that its state needs."""
        ...

    def expire(self, key: TimerKey, decision: Decision[R]) -> None: ...


class CoordinatorPartition(Protocol):
    """What a coordinator needs of the partition that keeps its records (`broker.partition.Partition` is one)."""

    @property
    def index(self) -> int: ...
    @property
    def log(self) -> LoadableLog: ...
    @property
    def high_watermark(self) -> int: ...

    def append(self, records: bytes, *, now_ms: int, origin: AppendOrigin) -> AppendResult: ...
    def when_committed(self, end_offset: int, waiter: Callable[[ErrorCode], None]) -> None: ...


class State(Enum):
    LOADING = "loading"
    ACTIVE = "active"
    CLOSED = "closed"


class PartitionRuntime(Generic[S, R]):
    """`on_lost(self, code)` is called once when it closed itself; `close` closes it from outside, without that call."""

    def __init__(
        self,
        partition: CoordinatorPartition,
        shard: S,
        *,
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
        commit_timeout_ms: int,
        on_lost: Callable[[PartitionRuntime[S, R], ErrorCode], None],
    ) -> None:
        self.partition = partition
        self.shard = shard
        self.state = State.LOADING
        self.was_loaded = False
        self._clock = clock
        self._loop = loop
        self._commit_timeout_ms = commit_timeout_ms
        self._on_lost = on_lost
        self._timers = Timers(clock, loop, self._expired)
        self._loading: asyncio.Task[int] | None = None
        # Everyone who was promised an answer: parked by a rule, or waiting for a commit.
        self._unanswered: dict[asyncio.Future[Any], None] = {}
        # End offset to wait for, when to stop waiting (monotonic), who, and what to say.
        self._uncommitted: deque[tuple[int, int, asyncio.Future[Any], object]] = deque()
        self._appended_end = 0
        self._told_while_loading: list[Callable[[S, Decision[R]], None]] = []

    # --- loading -----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Load the partition: at once if it is empty, else in the background."""
        log = self.partition.log
        self._appended_end = log.log_end_offset
        if log.log_start_offset >= log.log_end_offset:
            self._activate()
        else:
            # What is not committed yet may still be cut off; it is worth loading once it cannot be.
            self._unless_lost(self.partition.when_committed, self._appended_end, self._begin_loading)

    def _begin_loading(self, code: ErrorCode) -> None:
        if self.state is State.CLOSED:
            return
        if code is not ErrorCode.NONE:
            self._lose(code)
            return
        self._loading = self._loop.create_task(load(self.partition.log, self._appended_end, self._replay_bytes))
        self._loading.add_done_callback(self._loaded)

    def _replay_bytes(self, key: bytes, value: bytes | None) -> None:
        record = self.shard.decode(key, value)
        if record is not None:
            self.shard.replay(record)

    def _loaded(self, task: asyncio.Task[int]) -> None:
        if self.state is State.CLOSED:
            return
        error = None if task.cancelled() else task.exception()
        if task.cancelled() or error is not None:
            code = error.code if isinstance(error, KafkaError) else ErrorCode.KAFKA_STORAGE_ERROR
            logger.error("cannot load coordinator partition %d", self.partition.index, exc_info=error)
            self._lose(code)
            return
        logger.info("loaded %d records of coordinator partition %d", task.result(), self.partition.index)
        self._activate()

    def _activate(self) -> None:
        self.state = State.ACTIVE
        self.was_loaded = True
        self._carry_on(self.shard.loaded)
        told, self._told_while_loading = self._told_while_loading, []
        for rule in told:
            self.tell(rule)

    # --- asking ------------------------------------------------------------------------------------------------

    def ask(self, rule: Callable[[S, Decision[R], Reply], None]) -> asyncio.Future[Any]:
        """Run `rule` now; the future brings its response, or the KafkaError it replied with, as a value.

        A rule that raises KafkaError refuses, having changed nothing. Raises COORDINATOR_LOAD_IN_PROGRESS.
        """
        if self.state is State.LOADING:
            raise KafkaError(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, "the coordinator is loading this partition")
        if self.state is State.CLOSED:
            raise KafkaError(ErrorCode.NOT_COORDINATOR, "this node is not the coordinator any more")
        reply: asyncio.Future[Any] = self._loop.create_future()
        self._unanswered[reply] = None
        reply.add_done_callback(self._unanswered.pop)

        def decide(decision: Decision[R]) -> None:
            try:
                rule(self.shard, decision, reply)
            except KafkaError as error:
                assert not decision.records, "a rule refuses before it decides"
                decision.reply(reply, error)

        self._carry_on(decide)
        return reply

    def tell(self, rule: Callable[[S, Decision[R]], None]) -> None:
        """Run a rule nobody waits for: now, or as soon as the partition is loaded."""
        if self.state is State.LOADING:
            self._told_while_loading.append(rule)
        else:
            self._carry_on(partial(rule, self.shard))

    def _expired(self, key: TimerKey) -> None:
        if key == _COMMIT_TIMER:
            self._give_up_uncommitted()
        else:
            self._carry_on(partial(self.shard.expire, key))

    # --- carrying out ------------------------------------------------------------------------------------------

    def _carry_on(self, rule: Callable[[Decision[R]], None]) -> None:
        following: Callable[[Decision[R]], None] | None = rule
        while following is not None and self.state is State.ACTIVE:
            decision: Decision[R] = Decision(self._clock.now_ms())
            following(decision)
            following = self._carry_out(decision)

    def _carry_out(self, decision: Decision[R]) -> Callable[[Decision[R]], None] | None:
        following = self._write(decision) if decision.records else decision.then
        for key, delay_ms in decision.timers:
            if delay_ms is None:
                self._timers.cancel(key)
            else:
                self._timers.schedule(key, delay_ms)
        for to, response in decision.replies:
            self._answer(to, response)
        return following

    def _write(self, decision: Decision[R]) -> Callable[[Decision[R]], None] | None:
        """Append and replay the decision's records; returns the rule that follows from that."""
        try:
            for batch, records in self._batches(decision):
                self._append(batch, decision.now_ms)
                for record in records:
                    self.shard.replay(record)
        except KafkaError as error:
            logger.warning("coordinator partition %d refused records: %s", self.partition.index, error)
            code = coordinator_error(error.code)
            if decision.refused is not None:
                return partial(_call_refused, decision.refused, code)
            decision.replies = [(to, KafkaError(code, error.message)) for to, _ in decision.replies]
            return None
        return decision.then

    def _batches(self, decision: Decision[R]) -> Iterator[tuple[bytes, list[R]]]:
        """The decision's records as batches, each with what it holds; one batch unless it may be split."""
        group: list[R] = []
        encoded: list[Record] = []
        size_bytes = 0
        for record in decision.records:
            key, value = self.shard.encode(record)
            encoded.append(Record(offset=len(encoded), timestamp=decision.now_ms, key=key, value=value, headers=[]))
            group.append(record)
            size_bytes += len(key) + len(value or b"")
            if decision.may_be_split and size_bytes >= SPLIT_BATCH_BYTES:
                yield build_batch(encoded), group
                group, encoded, size_bytes = [], [], 0
        if encoded:
            yield build_batch(encoded), group

    def _append(self, batch: bytes, now_ms: int) -> None:
        result = self.partition.append(batch, now_ms=now_ms, origin=AppendOrigin.COORDINATOR)
        self._appended_end = result.last_offset + 1
        self.partition.when_committed(self._appended_end, partial(self._committed, self._appended_end))

    # --- answering ---------------------------------------------------------------------------------------------

    def _answer(self, to: asyncio.Future[Any], response: object) -> None:
        if self._appended_end <= self.partition.high_watermark:
            _deliver(to, response)
            return
        if not self._uncommitted:
            self._timers.schedule(_COMMIT_TIMER, self._commit_timeout_ms)
        give_up_ms = self._clock.monotonic_ms() + self._commit_timeout_ms
        self._uncommitted.append((self._appended_end, give_up_ms, to, response))

    def _committed(self, end_offset: int, code: ErrorCode) -> None:
        if self.state is State.CLOSED:
            return
        if code is not ErrorCode.NONE:
            # Rules have already gone on from what is now lost: only the log knows what is true.
            self._lose(code)
            return
        uncommitted = self._uncommitted
        while uncommitted and uncommitted[0][0] <= end_offset:
            _, _, to, response = uncommitted.popleft()
            _deliver(to, response)
        if not uncommitted:
            self._timers.cancel(_COMMIT_TIMER)

    def _give_up_uncommitted(self) -> None:
        """offsets.commit.timeout.ms: the records may still be committed, but nobody waits longer for that."""
        now_ms = self._clock.monotonic_ms()
        while self._uncommitted and self._uncommitted[0][1] <= now_ms:
            _, _, to, _ = self._uncommitted.popleft()
            code = coordinator_error(ErrorCode.REQUEST_TIMED_OUT)
            _deliver(to, KafkaError(code, "the coordinator's records were not committed in time"))
        if self._uncommitted:
            self._timers.schedule(_COMMIT_TIMER, self._uncommitted[0][1] - now_ms)

    # --- ending ------------------------------------------------------------------------------------------------

    def close(self, code: ErrorCode = ErrorCode.NOT_COORDINATOR) -> None:
        """Drop all state; whoever still waits hears `code`."""
        if self.state is State.CLOSED:
            return
        self.state = State.CLOSED
        self._timers.close()
        if self._loading is not None:
            self._loading.cancel()
        self._uncommitted.clear()
        for reply in tuple(self._unanswered):
            _deliver(reply, KafkaError(code, "this coordinator has stopped; look it up again"))

    def _lose(self, code: ErrorCode) -> None:
        logger.warning("coordinator partition %d stops: %s", self.partition.index, code.name)
        self.close(coordinator_error(code))
        self._on_lost(self, code)

    def _unless_lost(
        self, wait: Callable[[int, Callable[[ErrorCode], None]], None], end: int, waiter: Callable[[ErrorCode], None]
    ) -> None:
        try:
            wait(end, waiter)
        except KafkaError as error:
            self._lose(error.code)


def _deliver(to: asyncio.Future[Any], response: object) -> None:
    # Whoever asked may have hung up meanwhile.
    if not to.done():
        to.set_result(response)


def _call_refused(refused: Callable[[Decision[R], ErrorCode], None], code: ErrorCode, decision: Decision[R]) -> None:
    refused(decision, code)
