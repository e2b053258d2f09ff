"""Producer ids: the cluster gives them out in blocks, a broker hands them on one by one from memory.

What is left of a block when a broker stops is never used: an id that two producers had would mix up their sequences.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from broker.metadata import MetadataImage, ProducerIdsRecord

PRODUCER_ID_BLOCK_SIZE = 1000


def decide_producer_ids(image: MetadataImage, *, broker_id: int) -> ProducerIdsRecord:
    """The next block: from the image's `next_producer_id` to the record's, exclusive."""
    broker = image.brokers.get(broker_id)
    return ProducerIdsRecord(
        broker_id=broker_id,
        broker_epoch=-1 if broker is None else broker.broker_epoch,
        next_producer_id=image.next_producer_id + PRODUCER_ID_BLOCK_SIZE,
    )


class _Block:
    __slots__ = ("end", "future", "next")

    def __init__(self, start: int, end: int, future: asyncio.Future[None]) -> None:
        self.next = start
        self.end = end
        self.future = future


class ProducerIdDispenser:
    """Hands out the ids of this broker's block; `allocate` answers (first, end, future that makes them ours)."""

    def __init__(self, allocate: Callable[[], tuple[int, int, asyncio.Future[None]]]) -> None:
        self._allocate = allocate
        self._block: _Block | None = None

    async def next_producer_id(self) -> int:
        """Raises KafkaError where a block was needed and could not be had."""
        while True:
            block = self._block
            if block is None or block.next == block.end or _has_failed(block.future):
                block = self._block = _Block(*self._allocate())
            if not block.future.done():
                # Everyone who comes meanwhile waits for the same block.
                await asyncio.shield(block.future)
                continue
            producer_id = block.next
            block.next += 1
            return producer_id


def _has_failed(future: asyncio.Future[None]) -> bool:
    return future.done() and (future.cancelled() or future.exception() is not None)
