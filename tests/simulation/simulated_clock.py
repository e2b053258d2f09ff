"""The clocks of one simulated machine: each begins somewhere else and runs a little faster or slower than the world."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulation.world import World

# When every world begins, for those who ask a wall clock: 2026-01-01.
BEGINNING_MS = 1_767_225_600_000


class SimulatedClock:
    """Implements `broker.clock.Clock`. `rate` is how many of its seconds go by in one of the world's."""

    def __init__(self, world: World, *, rate: float = 1.0, started_s: float = 0.0, wall_offset_ms: int = 0) -> None:
        self._world = world
        self._rate = rate
        self._started_s = started_s
        # How far the wall clock is off. May be changed at any time: somebody set it.
        self.wall_offset_ms = wall_offset_ms

    def now_ms(self) -> int:
        return BEGINNING_MS + self.wall_offset_ms + int(self._world.now_s * self._rate * 1000)

    def monotonic_ms(self) -> int:
        return int(self.monotonic_s() * 1000)

    def monotonic_s(self) -> float:
        return self._started_s + self._world.now_s * self._rate

    def world_s(self, monotonic_s: float) -> float:
        """When this clock shows `monotonic_s`."""
        return (monotonic_s - self._started_s) / self._rate
