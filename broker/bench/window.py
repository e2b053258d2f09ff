"""The time of a run: a warm-up that counts for nothing, then the measured part, cut into seconds."""

from __future__ import annotations

import math
import time

NS_PER_S = 1_000_000_000
# So long consumers who measure the age of records go on: the last ones are on their way, and may be the oldest.
DRAIN_NS = NS_PER_S
LONG_GAP_NS = 50_000_000
GAPS_MAX = 1000


class Window:
    """When a run starts, when its warm-up is over and when it ends, in ns of CLOCK_MONOTONIC."""

    __slots__ = ("end_ns", "measured_from_ns", "start_ns")

    def __init__(self, start_ns: int, warmup_s: float, duration_s: float) -> None:
        self.start_ns = start_ns
        self.measured_from_ns = start_ns + round(warmup_s * NS_PER_S)
        self.end_ns = self.measured_from_ns + round(duration_s * NS_PER_S)

    def end_now(self) -> None:
        """What runs ends with its current second."""
        self.end_ns = min(self.end_ns, max(time.monotonic_ns(), self.measured_from_ns + 1))

    def next_boundary(self, now: int) -> int:
        """Ticks fall on the end of the warm-up, on whole seconds after it, and on the end of the run."""
        if now < self.measured_from_ns:
            return self.measured_from_ns
        if now >= self.end_ns:
            return now + NS_PER_S
        second = (now - self.measured_from_ns) // NS_PER_S + 1
        return min(self.measured_from_ns + second * NS_PER_S, self.end_ns)


def overdue(next_due_ns: float, interval_ns: float, window: Window) -> int:
    """How many instants of an open loop's schedule passed in the window, from the next one on."""
    return max(math.ceil((window.end_ns - next_due_ns) / interval_ns), 0)


class Gaps:
    """Stretches of time without a single acknowledgement: what a failover is measured by.

    Told once in each turn of a hot loop, not for each acknowledgement."""

    __slots__ = ("_acknowledged_ns", "found")

    def __init__(self, start_ns: int) -> None:
        self._acknowledged_ns = start_ns
        self.found: list[tuple[int, int]] = []  # from and to, in ns of CLOCK_MONOTONIC

    def note(self, now: int) -> None:
        """Something was acknowledged just now."""
        if now - self._acknowledged_ns > LONG_GAP_NS and len(self.found) < GAPS_MAX:
            self.found.append((self._acknowledged_ns, now))
        self._acknowledged_ns = now


class Tally:
    """What happened between two ticks, whose instants are exact: what is counted here is in no other tally."""

    __slots__ = ("bytes", "done", "failed", "from_ns", "latencies_us", "phase", "records", "to_ns")

    def __init__(self, from_ns: int, window: Window) -> None:
        self.from_ns = from_ns
        self.to_ns = from_ns
        # A tally that begins a hair before a boundary's tick belongs to what follows the boundary.
        self.phase = "warmup" if from_ns < window.measured_from_ns else "run" if from_ns < window.end_ns else "drain"
        self.latencies_us: list[int] = []  # of the requests that succeeded
        self.failed = 0  # requests that did not, or not for every partition
        self.done = 0  # requests that succeeded
        self.records = 0
        self.bytes = 0  # of values
