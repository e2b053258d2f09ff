"""Many deadlines on one `call_later`: a heap of them, of which the earliest is armed.

A deadline that moves later (every heartbeat does that) leaves its heap entry where it is; the entry is pushed again
when it surfaces. So a member costs one heap entry however often it heartbeats.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable

from broker.clock import Clock
from broker.coordination.decision import TimerKey


class Timers:
    """`on_expired(key)` runs on the loop, once for each key that was scheduled and not cancelled since."""

    def __init__(self, clock: Clock, loop: asyncio.AbstractEventLoop, on_expired: Callable[[TimerKey], None]) -> None:
        self._clock = clock
        self._loop = loop
        self._on_expired = on_expired
        self._deadlines: dict[TimerKey, int] = {}
        # The deadline of the earliest live heap entry of a key; an entry with another deadline is dead.
        self._entries: dict[TimerKey, int] = {}
        self._heap: list[tuple[int, TimerKey]] = []
        self._armed: asyncio.TimerHandle | None = None
        self._armed_for = 0
        self._closed = False

    def __len__(self) -> int:
        return len(self._deadlines)

    def __contains__(self, key: TimerKey) -> bool:
        return key in self._deadlines

    def schedule(self, key: TimerKey, delay_ms: int) -> None:
        if self._closed:
            return
        deadline = self._clock.monotonic_ms() + delay_ms
        self._deadlines[key] = deadline
        entry = self._entries.get(key)
        if entry is None or deadline < entry:
            self._push(key, deadline)

    def cancel(self, key: TimerKey) -> None:
        self._deadlines.pop(key, None)

    def close(self) -> None:
        """Nothing expires any more."""
        self._closed = True
        self._deadlines.clear()
        self._entries.clear()
        self._heap.clear()
        self._disarm()

    def _push(self, key: TimerKey, deadline: int) -> None:
        self._entries[key] = deadline
        heapq.heappush(self._heap, (deadline, key))
        if self._armed is None or deadline < self._armed_for:
            self._arm(deadline)

    def _arm(self, deadline: int) -> None:
        self._disarm()
        self._armed_for = deadline
        delay_ms = max(deadline - self._clock.monotonic_ms(), 0)
        self._armed = self._loop.call_later(delay_ms / 1000, self._fire)

    def _disarm(self) -> None:
        if self._armed is not None:
            self._armed.cancel()
            self._armed = None

    def _fire(self) -> None:
        self._armed = None
        now = self._clock.monotonic_ms()
        due = self._take_due(now)
        try:
            while due:
                key = due.popleft()
                # An earlier one of this round may have cancelled or moved it.
                if self._deadlines.get(key, now + 1) <= now:
                    del self._deadlines[key]
                    self._on_expired(key)
        finally:
            # One that fails must not take the others' deadlines with it.
            for key in due:
                if key in self._deadlines and key not in self._entries:
                    self._push(key, self._deadlines[key])
            # What was set meanwhile armed itself, and may lie behind what was there before.
            if self._heap and (self._armed is None or self._heap[0][0] < self._armed_for):
                self._arm(self._heap[0][0])

    def _take_due(self, now: int) -> deque[TimerKey]:
        due: deque[TimerKey] = deque()
        while self._heap and self._heap[0][0] <= now:
            entry, key = heapq.heappop(self._heap)
            if self._entries.get(key) != entry:
                continue
            del self._entries[key]
            deadline = self._deadlines.get(key)
            if deadline is None:
                continue
            if deadline > now:
                self._push(key, deadline)
            else:
                due.append(key)
        return due
