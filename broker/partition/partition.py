"""The door to a partition: all that handlers, coordinators and fetchers may ask of one.

A partition has a log and, while this node leads it, a `LeaderRole`. Everything here runs on the loop's thread.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from broker.durability import Durability
from broker.log import AppendOrigin, AppendResult, PartitionLog, ReadResult, journal_entries
from broker.metadata import is_internal
from broker.partition.leader import LeaderRole
from broker.partition.offset_waiters import Waiter
from protocol.errors import ErrorCode, KafkaError
from wal import StorageError

logger = logging.getLogger(__name__)

# No epoch known: requests of old versions and clients that do not fence (KIP-320).
NO_LEADER_EPOCH = -1


class IsolationLevel(IntEnum):
    READ_UNCOMMITTED = 0
    READ_COMMITTED = 1


@dataclass(slots=True)
class PartitionRead:
    """What one fetch of one partition found. Offsets are ends, exclusive; `records` are whole batches."""

    records: ReadResult
    high_watermark: int
    last_stable_offset: int
    log_start_offset: int


class Partition:
    def __init__(
        self, log: PartitionLog, *, durability: Durability, schedule_write: Callable[[Partition], None]
    ) -> None:
        self.log = log
        self.topic = log.topic
        self.topic_id = log.topic_id
        self.index = log.partition
        self._is_internal = is_internal(log.topic)
        self._durability = durability
        self._schedule_write = schedule_write
        self._write_scheduled = False
        # Where the last write ended: with the next one it says how many records that holds.
        self._end_handed_over = log.log_end_offset
        self._role: LeaderRole | None = None
        self._followers_of_progress: set[Callable[[Partition], None]] = set()
        self._high_watermark = log.log_end_offset
        self._failure: str = ""
        # Why the disk refused the last write; told in the log when it changes, not once a request.
        self._refusal = ""
        self._log_starts_waiting: set[asyncio.Future[None]] = set()

    def __repr__(self) -> str:
        return f"{self.topic}-{self.index}"

    # --- leadership --------------------------------------------------------------------------------------------

    @property
    def is_leader(self) -> bool:
        return self._role is not None

    @property
    def leader_epoch(self) -> int:
        return self._role.leader_epoch if self._role is not None else NO_LEADER_EPOCH

    def lead(self, leader_epoch: int) -> None:
        """Become the leader at `leader_epoch`; a repeated call for the same epoch changes nothing."""
        if self._role is not None:
            if self._role.leader_epoch == leader_epoch:
                return
            self.resign(ErrorCode.NOT_LEADER_OR_FOLLOWER)
        self._role = LeaderRole(self.log, leader_epoch, high_watermark=self._high_watermark)

    def resign(self, error: ErrorCode) -> None:
        if self._role is not None:
            self._high_watermark = self._role.committed.progress
            role, self._role = self._role, None
            role.fail_waiters(error)
            self._fail_log_starts(KafkaError(error, f"this node does not lead {self} any more"))
            self._notify_progress()

    def check_leader(self, current_leader_epoch: int = NO_LEADER_EPOCH) -> ErrorCode:
        """KIP-320: whether a client that believes in `current_leader_epoch` may be served here. NONE if so."""
        if self._role is None:
            return ErrorCode.NOT_LEADER_OR_FOLLOWER
        if current_leader_epoch in (NO_LEADER_EPOCH, self._role.leader_epoch):
            return ErrorCode.NONE
        if current_leader_epoch < self._role.leader_epoch:
            return ErrorCode.FENCED_LEADER_EPOCH
        return ErrorCode.UNKNOWN_LEADER_EPOCH

    def _leader(self) -> LeaderRole:
        if self._role is None:
            raise KafkaError(ErrorCode.NOT_LEADER_OR_FOLLOWER, f"this node does not lead {self}")
        return self._role

    # --- appending ---------------------------------------------------------------------------------------------

    def append(
        self, records: bytes | memoryview, *, now_ms: int, origin: AppendOrigin = AppendOrigin.CLIENT
    ) -> AppendResult:
        """Validate, give offsets, and collect for the write at the end of this turn of the loop.

        Nothing is promised yet: `when_durable` and `when_committed` say when. Raises KafkaError.
        """
        role = self._leader()
        if self._is_internal and origin is AppendOrigin.CLIENT:
            raise KafkaError(
                ErrorCode.INVALID_TOPIC_EXCEPTION, f"{self.topic} is internal: clients may not write to it"
            )
        if self._failure:
            raise KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, self._failure)
        log = self.log
        try:
            result = log.append_as_leader(records, leader_epoch=role.leader_epoch, now_ms=now_ms, origin=origin)
        except StorageError as error:
            if not log.failure:
                # The log refuses until a write has told of it, and this may be the first append of its turn.
                self._write_soon()
            raise KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, str(error)) from error
        if not result.is_duplicate:
            role.appended(log.log_end_offset, len(records))
            if not self._write_scheduled:
                self._write_soon()
        return result

    def _write_soon(self) -> None:
        if not self._write_scheduled:
            self._write_scheduled = True
            self._schedule_write(self)

    def write_out(self) -> None:
        """Put what was appended in this turn into the segment and the journal. Called once a turn by the table."""
        self._write_scheduled = False
        try:
            entry = self.log.write_out_entry()
            if entry:
                end_offset = self.log.written_end_offset
                record_count, self._end_handed_over = max(1, end_offset - self._end_handed_over), end_offset
                self._durability.append(
                    journal_entries.APPEND,
                    entry,
                    lambda: self._became_durable(end_offset),
                    record_count=record_count,
                )
        except StorageError as error:
            self._write_failed(error)
            return
        if self._refusal:
            self._refusal = ""
            logger.warning("%s takes writes again", self)

    def _became_durable(self, end_offset: int) -> None:
        if self._role is not None and self._role.became_durable(end_offset):
            self._notify_progress()

    def when_durable(self, end_offset: int, waiter: Waiter) -> None:
        """acks=1: run `waiter` when everything below `end_offset` is durable on this node."""
        self._leader().durable.wait_for(end_offset, waiter)

    def when_committed(self, end_offset: int, waiter: Waiter) -> None:
        """acks=all: run `waiter` when the high watermark reaches `end_offset`."""
        self._leader().committed.wait_for(end_offset, waiter)

    async def committed(self, end_offset: int) -> None:
        """Wait for the high watermark. Raises KafkaError if this node stops leading, or its disk fails, before."""
        done: asyncio.Future[ErrorCode] = asyncio.get_running_loop().create_future()

        def resume(error: ErrorCode) -> None:
            if not done.done():
                done.set_result(error)

        self.when_committed(end_offset, resume)
        error = await done
        if error is not ErrorCode.NONE:
            raise KafkaError(error, f"{self} could not commit offset {end_offset}")

    async def append_and_commit(
        self, records: bytes, *, now_ms: int, origin: AppendOrigin = AppendOrigin.COORDINATOR
    ) -> AppendResult:
        result = self.append(records, now_ms=now_ms, origin=origin)
        await self.committed(result.last_offset + 1)
        return result

    def _write_failed(self, error: StorageError) -> None:
        """The log took back what it could not write. Who waits hears of it; the next append may find the disk well."""
        if str(error) != self._refusal:
            self._refusal = str(error)
            logger.error("%s refuses writes: %s", self, error)
        if self._role is not None:
            self._role.fail_waiters(ErrorCode.KAFKA_STORAGE_ERROR)

    def fail(self, reason: str) -> None:
        """The journal failed: nothing more is acknowledged here in this run; reads go on."""
        self._failure = reason
        self._fail_log_starts(KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, reason))
        if self._role is not None:
            self._role.fail_waiters(ErrorCode.KAFKA_STORAGE_ERROR)

    def _fail_log_starts(self, error: KafkaError) -> None:
        for waiting in list(self._log_starts_waiting):
            if not waiting.done():
                waiting.set_exception(KafkaError(error.code, error.message))

    # --- reading -----------------------------------------------------------------------------------------------

    @property
    def high_watermark(self) -> int:
        return self._role.committed.progress if self._role is not None else self._high_watermark

    @property
    def last_stable_offset(self) -> int:
        """KIP-98: the end of what a read_committed consumer may see."""
        return self.log.last_stable_offset(self.high_watermark)

    def end_offset(self, isolation: IsolationLevel) -> int:
        """Where a consumer's view of the log ends, exclusive."""
        if isolation is IsolationLevel.READ_COMMITTED:
            return self.last_stable_offset
        return self.high_watermark

    def read(
        self, offset: int, *, max_bytes: int, isolation: IsolationLevel, at_least_one_batch: bool
    ) -> PartitionRead:
        """Raises KafkaError: OFFSET_OUT_OF_RANGE below the log's start or above its end."""
        end_offset = self.end_offset(isolation)
        return PartitionRead(
            self.log.read(offset, max_bytes=max_bytes, max_offset=end_offset, at_least_one_batch=at_least_one_batch),
            self.high_watermark,
            self.last_stable_offset,
            self.log.log_start_offset,
        )

    @property
    def committed_bytes(self) -> int:
        """Grows with the high watermark; only differences of two readings mean something."""
        return self._role.committed_bytes if self._role is not None else 0

    def follow_progress(self, on_progress: Callable[[Partition], None]) -> None:
        """Call `on_progress` whenever the high watermark moves or leadership ends, until `unfollow_progress`."""
        self._followers_of_progress.add(on_progress)

    def unfollow_progress(self, on_progress: Callable[[Partition], None]) -> None:
        self._followers_of_progress.discard(on_progress)

    def _notify_progress(self) -> None:
        if self._followers_of_progress:
            for on_progress in tuple(self._followers_of_progress):
                on_progress(self)

    # --- changing ----------------------------------------------------------------------------------------------

    async def delete_records_before(self, offset: int) -> int:
        """Move the log's start to `offset` (-1: the high watermark), durably; returns the new start."""
        self._leader()
        high_watermark = self.high_watermark
        target = high_watermark if offset == -1 else offset
        if target < 0 or target > high_watermark:
            raise KafkaError(
                ErrorCode.OFFSET_OUT_OF_RANGE,
                f"{self} has committed records up to {high_watermark}; cannot delete those before {offset}",
            )
        try:
            self.log.advance_log_start(target)
        except StorageError as error:
            raise KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, str(error)) from error
        # Also where the start was there already: who moved it may be waiting yet, or have been refused.
        await self._journal_log_start(self.log.log_start_offset)
        return self.log.log_start_offset

    async def _journal_log_start(self, offset: int) -> None:
        payload = journal_entries.encode_log_start(self.log.topic_id, self.log.partition, offset)
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            self._durability.append(journal_entries.LOG_START, [payload], lambda: _complete(durable))
        except StorageError as error:
            raise KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, str(error)) from error
        self._log_starts_waiting.add(durable)
        durable.add_done_callback(self._log_starts_waiting.discard)
        self._durability.wake()
        await durable


def _complete(durable: asyncio.Future[None]) -> None:
    if not durable.done():
        durable.set_result(None)
