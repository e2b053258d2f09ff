"""What befalls a simulated cluster: each fault begins at random, lasts for a while, and ends; `heal` ends them all.

A broker that is gone, for whatever reason, is started again after a while, as a supervisor would.
"""

from __future__ import annotations

import errno
import random
from collections.abc import Callable

from simulation.broker_machine import BrokerMachine
from simulation.cluster import SimulatedCluster

# How long a fault lasts, in seconds: some are over before anybody notices, some outlast a session.
LASTS_S = (0.05, 0.3, 1.0, 2.5, 5.0)
RESTART_S = (0.05, 0.3, 1.0, 3.0)
# Once all is well again; a broker that could mend itself has done so by then.
OPERATOR_LOOKS_S = 3.0
ROLL_LOOK_S = 0.1
CLOCK_JUMPS_MS = (-3_600_000, -1500, 1500, 3_600_000)


class Faults:
    """`story` tells what happened and when."""

    def __init__(self, cluster: SimulatedCluster, rng: random.Random, kinds: tuple[str, ...] | None = None) -> None:
        self.cluster = cluster
        self.world = cluster.world
        self.network = cluster.world.network
        self.rng = rng
        self.kinds = KINDS if kinds is None else kinds
        self.story: list[str] = []
        self.is_healed = False
        for broker in cluster.brokers.values():
            broker.when_gone = self._gone

    def begin_one(self) -> None:
        kind = self.rng.choice(self.kinds)
        getattr(self, f"_{kind}")()

    def tell(self, what: str) -> None:
        self.story.append(f"{self.world.now_s:8.3f} s  {what}")

    def heal(self) -> None:
        """Everything works from now on, and everybody is back soon."""
        self.tell("healed")
        self.is_healed = True
        self.network.slowness = 1.0
        self.network.mend_all()
        for broker in self.cluster.brokers.values():
            machine = broker.machine
            machine.disk_slowness = 1.0
            machine.capacity_bytes = None
            machine.disk.forget_faults()
            if broker.is_paused:
                broker.resume()
            if not broker.is_running:
                broker.start()
        self.world.after(OPERATOR_LOOKS_S, self._operate)

    def _operate(self) -> None:
        """An operator reads the logs of the brokers, and does what they ask for."""
        for broker in self.cluster.running:
            if broker.wants_restart:
                self.tell(f"{broker} is restarted by an operator: {broker.wants_restart}")
                broker.kill()
        self.world.after(OPERATOR_LOOKS_S, self._operate)

    # --- coming back ---------------------------------------------------------------------------------------------

    def _gone(self, broker: BrokerMachine) -> None:
        if broker.failure:
            self.tell(f"{broker} ended: {broker.failure}")
        self.world.after(self.rng.choice(RESTART_S) * self.rng.uniform(0.5, 1.5), self._start, broker)

    def _start(self, broker: BrokerMachine) -> None:
        if not broker.is_running:
            self.tell(f"{broker} starts")
            broker.start()

    def _any_broker(self) -> BrokerMachine | None:
        running = [broker for broker in self.cluster.running if not broker.is_paused]
        return self.rng.choice(running) if running else None

    def _later(self, act: Callable[..., object], *arguments: object) -> float:
        lasts_s = self.rng.choice(LASTS_S) * self.rng.uniform(0.5, 1.5)
        self.world.after(lasts_s, self._unless_healed, act, arguments)
        return lasts_s

    def _unless_healed(self, act: Callable[..., object], arguments: tuple[object, ...]) -> None:
        if not self.is_healed:
            act(*arguments)

    # --- processes -----------------------------------------------------------------------------------------------

    def _kill(self) -> None:
        if (broker := self._any_broker()) is not None:
            self.tell(f"kill -9 of {broker}")
            broker.kill()

    def _power_loss(self) -> None:
        if (broker := self._any_broker()) is not None:
            self.tell(f"{broker} loses its power")
            broker.power_loss()

    def _blackout(self) -> None:
        self.tell("all lose their power")
        for broker in self.cluster.running:
            broker.power_loss()

    def _pause(self) -> None:
        if (broker := self._any_broker()) is not None:
            broker.pause()
            self.tell(f"{broker} stands still for {self._later(self._resume, broker, broker.process):.1f} s")

    def _resume(self, broker: BrokerMachine, process: object) -> None:
        if broker.process is process and broker.is_paused:
            broker.resume()

    def _stop(self) -> None:
        if (broker := self._any_broker()) is not None and broker.has_joined:
            self.tell(f"{broker} is asked to stop")
            broker.ask_to_stop()

    def _rolling_restart(self) -> None:
        """One after the other, each when the one before is a member again: as an upgrade is done."""
        self.tell("rolling restart")
        self._roll(list(self.cluster.brokers.values()))

    def _roll(self, remaining: list[BrokerMachine]) -> None:
        if remaining:
            broker, *others = remaining
            former = None
            if broker.has_joined and not broker.is_paused:
                former = broker.process
                self.tell(f"{broker} is asked to stop, in its turn")
                broker.ask_to_stop()
            self._when_back(broker, former, others)

    def _when_back(self, broker: BrokerMachine, former: object, others: list[BrokerMachine]) -> None:
        if broker.has_joined and broker.process is not former:
            self._roll(others)
        else:
            self.world.after(ROLL_LOOK_S, self._unless_healed, self._when_back, (broker, former, others))

    # --- network -------------------------------------------------------------------------------------------------

    def _names(self) -> list[str]:
        return [broker.machine.name for broker in self.cluster.brokers.values()]

    def _cut(self) -> None:
        self._cut_link(one_way=False)

    def _cut_one_way(self) -> None:
        self._cut_link(one_way=True)

    def _cut_link(self, *, one_way: bool) -> None:
        source, target = self.rng.sample(self._names(), 2)
        self.network.cut(source, target, one_way=one_way)
        lasts_s = self._later(self.network.mend, source, target)
        self.tell(f"cut {source} {'->' if one_way else '--'} {target} for {lasts_s:.1f} s")

    def _isolate(self) -> None:
        """From all other brokers; clients still reach it."""
        lonely = self.rng.choice(self._names())
        lasts_s = 0.0
        for other in self._names():
            if other != lonely:
                self.network.cut(lonely, other)
                lasts_s = self._later(self.network.mend, lonely, other)
        self.tell(f"{lonely} is cut off, for {lasts_s:.1f} s of the last link")

    def _cut_from_clients(self) -> None:
        names, brokers = list(self.network.machines), self._names()
        clients = [name for name in names if name not in brokers]
        if clients:
            client, broker = self.rng.choice(clients), self.rng.choice(brokers)
            self.network.cut(client, broker, one_way=self.rng.random() < 0.5)
            self.tell(f"cut {client} -- {broker} for {self._later(self.network.mend, client, broker):.1f} s")

    def _reset(self) -> None:
        source = self.rng.choice(self._names())
        target = self.rng.choice([name for name in self.network.machines if name != source])
        self.network.break_connections(source, target)
        self.tell(f"connections of {source} and {target} are reset")

    def _slow_network(self) -> None:
        self.network.slowness = self.rng.choice((5.0, 30.0, 150.0))
        self.tell(f"network {self.network.slowness:.0f} times slower for {self._later(self._quick_network):.1f} s")

    def _quick_network(self) -> None:
        self.network.slowness = 1.0

    # --- disks and clocks ----------------------------------------------------------------------------------------

    def _slow_disk(self) -> None:
        broker = self.rng.choice(list(self.cluster.brokers.values()))
        broker.machine.disk_slowness = self.rng.choice((20.0, 200.0, 1500.0))
        lasts_s = self._later(setattr, broker.machine, "disk_slowness", 1.0)
        self.tell(f"disk of {broker} {broker.machine.disk_slowness:.0f} times slower for {lasts_s:.1f} s")

    def _crash_in_disk_operation(self) -> None:
        if (broker := self._any_broker()) is not None:
            disk = broker.machine.disk
            disk.crash_at = disk.operations + self.rng.randrange(1, 40)
            self.tell(f"{broker} crashes in one of its next operations of the disk")

    def _disk_error(self) -> None:
        broker = self.rng.choice(list(self.cluster.brokers.values()))
        operation, error = self.rng.choice(
            (("datasync", errno.EIO), ("write", errno.EIO), ("rename", errno.EIO), ("create", errno.ENOSPC))
        )
        broker.machine.disk.fail(operation, error, skip=self.rng.randrange(20))
        self.tell(f"a {operation} of {broker} will fail ({errno.errorcode[error]})")

    def _full_disk(self) -> None:
        broker = self.rng.choice(list(self.cluster.brokers.values()))
        machine = broker.machine
        machine.capacity_bytes = machine.disk.names.used_bytes() + self.rng.choice((0, 100, 3000, 20_000))
        self.tell(f"disk of {broker} is full for {self._later(setattr, machine, 'capacity_bytes', None):.1f} s")

    def _clock_jump(self) -> None:
        broker = self.rng.choice(list(self.cluster.brokers.values()))
        jump_ms = self.rng.choice(CLOCK_JUMPS_MS)
        broker.machine.clock.wall_offset_ms += jump_ms
        self.tell(f"the wall clock of {broker} is set by {jump_ms} ms")


KINDS = (
    "kill",
    "kill",
    "power_loss",
    "power_loss",
    "blackout",
    "pause",
    "stop",
    "rolling_restart",
    "cut",
    "cut_one_way",
    "isolate",
    "cut_from_clients",
    "reset",
    "slow_network",
    "slow_disk",
    "crash_in_disk_operation",
    "crash_in_disk_operation",
    "disk_error",
    "full_disk",
    "clock_jump",
)
