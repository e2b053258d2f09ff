"""Who waits for which entry of the log to be applied here."""

from __future__ import annotations

import asyncio
import heapq
import itertools

from protocol.errors import KafkaError


class OffsetWaiters:
    def __init__(self) -> None:
        # The number keeps futures from being compared.
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()
        self._failure: KafkaError | None = None

    async def wait(self, index: int, applied_index: int) -> None:
        if index <= applied_index:
            return
        if self._failure is not None:
            raise KafkaError(self._failure.code, self._failure.message)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (index, next(self._numbers), future))
        await future

    def resolve(self, applied_index: int) -> None:
        waiting = self._waiting
        while waiting and waiting[0][0] <= applied_index:
            future = heapq.heappop(waiting)[2]
            if not future.done():
                future.set_result(None)

    def fail(self, failure: KafkaError) -> None:
        """Nothing more is applied."""
        self._failure = failure
        for _, _, future in self._waiting:
            if not future.done():
                future.set_exception(KafkaError(failure.code, failure.message))
        self._waiting.clear()
