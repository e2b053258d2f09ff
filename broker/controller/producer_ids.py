"""Producer ids: the cluster gives them out in blocks, a broker hands them on one by one from memory.

What is left of a block when a broker stops is never used: an id that two producers had would mix up their sequences.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

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


class ProducerIdDispenser:
    """Hands out the ids of this broker's block; `allocate` gets the next one: its first id, and the end (exclusive)."""

    def __init__(self, allocate: Callable[[], Awaitable[tuple[int, int]]]) -> None:
        self._allocate = allocate
        self._next = 0
        self._end = 0
        self._allocating: asyncio.Task[None] | None = None

    async def next_producer_id(self) -> int:
        """Raises KafkaError where a block was needed and could not be had."""
        while self._next == self._end:
            if self._allocating is None:
                self._allocating = asyncio.get_running_loop().create_task(self._refill(), name="producer-ids")
                self._allocating.add_done_callback(self._refilled)
            # Everyone who comes meanwhile waits for the same block.
            await asyncio.shield(self._allocating)
        producer_id = self._next
        self._next += 1
        return producer_id

    async def _refill(self) -> None:
        self._next, self._end = await self._allocate()

    def _refilled(self, task: asyncio.Task[None]) -> None:
        self._allocating = None
        if not task.cancelled():
            task.exception()  # whoever waited has it
