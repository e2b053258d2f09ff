"""A simulated machine and the processes on it: what dies with whom, and what a restart finds.

- a process that is killed takes its memory and its sockets along; what it wrote is in the page cache
- a machine that loses its power takes the page cache along, and closes no connection: nobody is told
- a process that is paused (SIGSTOP) does nothing; its sockets take what comes
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from simulation.process_loop import ProcessLoop
from simulation.simulated_clock import SimulatedClock
from simulation.simulated_filesystem import SimulatedFilesystem

if TYPE_CHECKING:
    from simulation.endpoint import Endpoint
    from simulation.world import World

# A sync of a disk that is well: between a tenth of a millisecond and two.
DISK_S_MIN = 0.0001
DISK_S_MAX = 0.002


class SimulatedMachine:
    """`disk` is another object after every crash. `disk_slowness` multiplies what work on it takes."""

    def __init__(self, world: World, name: str, *, clock: SimulatedClock | None = None) -> None:
        self.world = world
        self.name = name
        self.rng = random.Random(world.rng.getrandbits(64))
        self.clock = clock or SimulatedClock(world)
        self.disk = SimulatedFilesystem(self.rng.getrandbits(64))
        self.disk_slowness = 1.0
        self._capacity_bytes: int | None = None
        self.is_on = True
        # Counts power losses: a connection of another boot is not known any more.
        self.boot = 0
        self.process: Process | None = None
        self.lives = 0

    @property
    def capacity_bytes(self) -> int | None:
        return self._capacity_bytes

    @capacity_bytes.setter
    def capacity_bytes(self, capacity_bytes: int | None) -> None:
        self._capacity_bytes = self.disk.capacity_bytes = capacity_bytes

    def start_process(self, name: str = "") -> Process:
        """One process at a time."""
        assert self.process is None or self.process.is_dead, f"{self.process} still runs"
        self.is_on = True
        self.world.network.send_again()
        self.lives += 1
        self.process = Process(self, name or self.name, self.lives)
        return self.process

    def power_loss(self) -> None:
        if self.process is not None:
            self.process.end()
            for endpoint in list(self.process.endpoints):
                endpoint.vanish()
        self.is_on = False
        self.boot += 1
        self.disk = self.disk.power_loss()
        self.disk.capacity_bytes = self._capacity_bytes

    def kill(self) -> None:
        """kill -9 of its process."""
        assert self.process is not None
        self.process.end()
        for endpoint in list(self.process.endpoints):
            endpoint.process_died()
        self.disk = self.disk.kill()
        self.disk.capacity_bytes = self._capacity_bytes

    def __repr__(self) -> str:
        return self.name


class Process:
    """`spawn` begins a task on its loop, which any asyncio code may take for its own."""

    def __init__(self, machine: SimulatedMachine, name: str, life: int) -> None:
        self.machine = machine
        self.world = machine.world
        self.name = name
        self.life = life
        self.rng = random.Random(machine.rng.getrandbits(64))
        self.endpoints: dict[Endpoint, None] = {}
        self.loop = ProcessLoop(self)  # type: ignore[abstract]
        self.world.closing.append(self.close)

    @property
    def is_dead(self) -> bool:
        return self.loop.is_stopped

    @property
    def is_paused(self) -> bool:
        return self.loop.is_paused

    def spawn(self, work: Any, *, name: str | None = None) -> Any:
        return self.loop.create_task(work, name=name)

    def pause(self) -> None:
        self.loop.pause()

    def resume(self) -> None:
        self.loop.resume()

    def end(self) -> None:
        """It does nothing any more. Its sockets are its machine's matter."""
        self.world.network.close_listeners(self)
        self.loop.kill()

    def work_later(self, act: Callable[[], None]) -> None:
        """`act` is a step of work on the disk. One of a paused process comes to its end, as one in the kernel does."""
        machine = self.machine
        took_s = machine.rng.uniform(DISK_S_MIN, DISK_S_MAX) * machine.disk_slowness
        self.world.after(took_s, self._work, act)

    def _work(self, act: Callable[[], None]) -> None:
        if not self.is_dead:
            act()

    def fault(self, message: str, error: BaseException | None) -> None:
        """Something that no part of a process may let happen."""
        if not self.is_dead:
            self.world.faults.append(f"{self}: {message}: {error!r}")

    def close(self) -> None:
        self.loop.kill()
        self.loop.bury()
        self.endpoints.clear()

    def __repr__(self) -> str:
        return f"{self.name}#{self.life}"
