"""An asyncio loop that never waits: `settle` runs what is runnable now, `advance` moves its clock to each timer."""

from __future__ import annotations

import asyncio
import selectors
from collections import deque
from collections.abc import Mapping
from typing import Any


class _NeverWaits(selectors.BaseSelector):
    def __init__(self) -> None:
        self._keys: dict[Any, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return selectors.SelectorKey(fileobj, 0, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return selectors.SelectorKey(fileobj, 0, 0, None)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return []

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._keys


class HeldLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.now_ms = 0
        self.turns = 0
        super().__init__(_NeverWaits())
        self._clock_resolution = 1e-6
        # Of asyncio's own loop; its stubs do not name them.
        self._ready: deque[asyncio.Handle]
        self._scheduled: list[asyncio.TimerHandle]
        self.failures: list[dict[str, Any]] = []
        self.set_exception_handler(lambda _, context: self.failures.append(context))

    def time(self) -> float:
        return self.now_ms / 1000

    def settle(self) -> None:
        """Run until nothing is runnable without time passing."""
        asyncio.set_event_loop(self)
        while True:
            self.turns += 1
            self.call_soon(self.stop)
            self.run_forever()
            if not self._ready and not self._is_due():
                break
        assert not self.failures, f"a callback failed: {self.failures}"

    def advance(self, duration_ms: int) -> None:
        """Let `duration_ms` pass, stopping at every timer on the way."""
        target = self.now_ms + duration_ms
        self.settle()
        while self._scheduled:
            due_ms = self._next_due_ms()
            if due_ms > target:
                break
            self.now_ms = max(self.now_ms, due_ms)
            self.settle()
        self.now_ms = target
        self.settle()

    def _next_due_ms(self) -> int:
        return round(min(handle.when() for handle in self._scheduled) * 1000)

    def _is_due(self) -> bool:
        return any(handle.when() <= self.time() and not handle.cancelled() for handle in self._scheduled)


class LoopClock:
    def __init__(self, loop: HeldLoop, start_ms: int) -> None:
        self._loop = loop
        self._start_ms = start_ms

    def now_ms(self) -> int:
        return self._start_ms + self._loop.now_ms

    def monotonic_ms(self) -> int:
        return self._loop.now_ms
