"""The world of a simulation: one time, one order of events, one source of chance, and a hash of all that happened.

Nothing in it waits: time is that of the next event. Everything that happens is an event, and two runs of one seed
have the same events in the same order, which `trace` sums up.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any
from zlib import crc32

from simulation.network import Network
from simulation.process import SimulatedMachine
from simulation.simulated_clock import SimulatedClock

Act = Callable[..., object]

# More than any scenario needs: one that comes here turns without getting anywhere.
EVENTS_MAX = 5_000_000


class SimulationStuck(AssertionError):
    """What was waited for did not come."""


class World:
    """`after_turn` is told of processes again and again, when a turn of the loop is over."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.now_s = 0.0
        self.events = 0
        self.trace = 0
        self.after_turn: list[Callable[[Any], None]] = []
        # What no process may do, whatever happens to it: filled by processes, looked at by who runs the scenario.
        self.faults: list[str] = []
        self.closing: list[Callable[[], None]] = []
        self.network = Network(self)
        self._heap: list[tuple[float, int, Act, tuple[Any, ...]]] = []
        self._sequence = 0

    def at(self, when_s: float, act: Act, *arguments: Any) -> None:
        """`act` happens at `when_s`, or now where that is past; after everything that was planned for then before."""
        self._sequence += 1
        heappush(self._heap, (max(when_s, self.now_s), self._sequence, act, arguments))

    def after(self, delay_s: float, act: Act, *arguments: Any) -> None:
        self._sequence += 1
        heappush(self._heap, (self.now_s + delay_s, self._sequence, act, arguments))

    def note(self, *what: object) -> None:
        """Make `what` a part of the trace. Its text must be the same in every run."""
        self.trace = crc32(repr((self.now_s, *what)).encode(), self.trace)

    def machine(self, name: str, *, clock: SimulatedClock | None = None) -> SimulatedMachine:
        """The machine of that name, new where there is none yet."""
        machines = self.network.machines
        if name not in machines:
            machines[name] = SimulatedMachine(self, name, clock=clock)
        return machines[name]

    # --- running -------------------------------------------------------------------------------------------------

    def step(self) -> bool:
        """Let the next event happen; False where nothing will ever happen again."""
        if not self._heap:
            return False
        self.now_s, _, act, arguments = heappop(self._heap)
        self.events += 1
        act(*arguments)
        return True

    def run_for(self, duration_s: float) -> None:
        end_s = self.now_s + duration_s
        heap = self._heap
        while heap and heap[0][0] <= end_s:
            self.step()
        self.now_s = end_s

    def run_until(self, is_so: Callable[[], object], *, within_s: float, what: str = "") -> None:
        """Returns as soon as `is_so`; SimulationStuck where it is not within that time. Asked after every event."""
        end_s = self.now_s + within_s
        heap = self._heap
        while not is_so():
            if not heap or heap[0][0] > end_s or self.events > EVENTS_MAX:
                raise SimulationStuck(f"{what or is_so}: not within {within_s:.0f} s")
            self.step()

    def run_until_seen(self, is_so: Callable[[], object], *, within_s: float, what: str, every_s: float = 0.05) -> None:
        """The same for what takes long to look at: that is done `every_s`."""
        end_s = self.now_s + within_s
        while not is_so():
            if self.now_s > end_s or self.events > EVENTS_MAX:
                raise SimulationStuck(f"{what}: not within {within_s:.0f} s")
            self.run_for(every_s)

    def close(self) -> None:
        """Nothing happens any more."""
        self._heap.clear()
        for close in self.closing:
            close()
        self.closing.clear()
        self.after_turn.clear()
