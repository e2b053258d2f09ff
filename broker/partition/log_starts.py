"""DeleteRecords: the start of a log moves, durably, here and on every replica that is alive (KIP-107)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from broker.log import journal_entries
from broker.partition.host import PartitionHost
from broker.partition.isr import UNKNOWN_BROKER_EPOCH
from protocol.errors import ErrorCode, KafkaError
from wal import StorageError

if TYPE_CHECKING:
    from broker.partition.partition import Partition

HIGH_WATERMARK = -1


class LogStarts:
    """Of one partition."""

    def __init__(self, partition: Partition, host: PartitionHost) -> None:
        self._partition = partition
        self._host = host
        self._durable: dict[asyncio.Future[None], None] = {}
        self._everywhere: dict[asyncio.Future[None], int] = {}

    async def delete_records_before(self, offset: int, *, timeout_ms: int) -> int:
        """Move the start to `offset`, or to the high watermark; returns where the last of the replicas now starts.

        Raises KafkaError, REQUEST_TIMED_OUT where a follower did not hear of it in time: it will, later."""
        partition = self._partition
        if not partition.is_leader:
            raise KafkaError(ErrorCode.NOT_LEADER_OR_FOLLOWER, f"this node does not lead {partition}")
        high_watermark = partition.high_watermark
        target = high_watermark if offset == HIGH_WATERMARK else offset
        if target < 0 or target > high_watermark:
            raise KafkaError(
                ErrorCode.OFFSET_OUT_OF_RANGE,
                f"{partition} has committed records up to {high_watermark}; cannot delete those before {offset}",
            )
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                # Also where the start was there already: who moved it may be waiting yet, or have been refused.
                await self.advance(target)
                partition.tell_replicas()
                await self._until_everywhere(target)
        except TimeoutError:
            raise KafkaError(ErrorCode.REQUEST_TIMED_OUT, f"not every replica of {partition} has done it") from None
        return self._least()

    def advance(self, offset: int) -> asyncio.Future[None]:
        """Move the start of this replica; the future is done when that is durable. Raises KafkaError."""
        partition, log = self._partition, self._partition.log
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            log.advance_log_start(offset)
            payload = journal_entries.encode_log_start(partition.topic_id, partition.index, log.log_start_offset)
            self._host.durability.append(journal_entries.LOG_START, [payload], lambda: _complete(durable))
        except StorageError as error:
            raise KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, str(error)) from error
        self._durable[durable] = None
        durable.add_done_callback(self._ended)
        self._host.durability.wake()
        return durable

    def _ended(self, durable: asyncio.Future[None]) -> None:
        self._durable.pop(durable, None)
        if not durable.cancelled():
            durable.exception()  # a follower's own move is awaited by nobody; a leader's by who asked for it

    async def _until_everywhere(self, target: int) -> None:
        if self._least() >= target:
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._everywhere[done] = target
        try:
            await done
        finally:
            self._everywhere.pop(done, None)

    def look(self) -> None:
        """A follower has fetched, or is gone: someone may have waited for it."""
        if self._everywhere:
            least = self._least()
            for done, target in self._everywhere.items():
                if target <= least:
                    _complete(done)

    def _least(self) -> int:
        role = self._partition.leading
        if role is None:
            return self._partition.log.log_start_offset
        alive = [node_id for node_id in role.replicas if self._host.is_eligible(node_id, UNKNOWN_BROKER_EPOCH)]
        return role.least_log_start(alive)

    def fail(self, error: ErrorCode, reason: str = "") -> None:
        """Nobody will hear that it is done: the role is over, or the disk refused."""
        for waiting in [*self._durable, *self._everywhere]:
            if not waiting.done():
                waiting.set_exception(KafkaError(error, reason))


def _complete(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)
