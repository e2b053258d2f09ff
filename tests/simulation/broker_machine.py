"""A simulated machine with a broker on it: the whole of the production code, from its listeners to its files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from broker.config import BrokerConfig
from broker.machine import Machine
from broker.metadata import EMPTY_IMAGE, MetadataImage
from broker.node import Node
from broker.partition import PartitionTable
from broker.quorum import RaftQuorum
from simulation.process import Process, SimulatedMachine
from simulation.process_loop import SimulatedWorker

if TYPE_CHECKING:
    from simulation.world import World

DATA_DIRECTORY = "data"


class _NoLock:
    """There is one process a machine."""

    def release(self) -> None:
        pass


class BrokerMachine:
    """`start`, then any of `kill`, `power_loss`, `pause`; and again. `failure` is why it ended itself, if it did."""

    def __init__(self, world: World, node_id: int, machine: SimulatedMachine, settings: Mapping[str, str]) -> None:
        self.world = world
        self.node_id = node_id
        self.machine = machine
        self.config = BrokerConfig.from_properties({**settings, "node.id": str(node_id), "log.dirs": DATA_DIRECTORY})
        self.node: Node | None = None
        self.process: Process | None = None
        self.has_joined = False
        self.failure = ""

    # --- its lives -----------------------------------------------------------------------------------------------

    def start(self) -> None:
        machine = self.machine
        self.process = machine.start_process()
        machine.disk.on_crash = self._stopped_by_disk
        self.has_joined, self.failure = False, ""
        self.process.spawn(self._live(self.process), name="node")

    async def _live(self, process: Process) -> None:
        machine = self.machine
        self.node = node = Node(
            self.config,
            Machine(
                filesystem=machine.disk,
                clock=machine.clock,
                chance=process.rng,
                lock_directory=lambda directory: _NoLock(),
                new_worker=lambda name: SimulatedWorker(process.loop),
            ),
        )
        await node.start()
        self.has_joined = True
        await node.stop_requested.wait()
        if node.failure:
            self.failure = node.failure
            await node.leave()
            self.world.after(0, self._ended_by_itself, process)
        else:
            await node.stop()

    def _ended_by_itself(self, process: Process) -> None:
        if not process.is_dead:
            self.kill()

    def _stopped_by_disk(self) -> None:
        """In the middle of an operation of the disk: nothing may happen any more, and then it is found dead."""
        assert self.process is not None
        self.process.end()
        self.world.after(0, self._found_dead, self.process, self.machine.rng.random() < 0.5)

    def _found_dead(self, process: Process, loses_power: bool) -> None:
        if self.machine.process is process:
            if loses_power:
                self.power_loss()
            else:
                self.kill()

    def kill(self) -> None:
        self.machine.kill()
        self._gone()

    def power_loss(self) -> None:
        self.machine.power_loss()
        self._gone()

    def _gone(self) -> None:
        self.node = None
        self.has_joined = False

    def pause(self) -> None:
        assert self.process is not None
        self.process.pause()

    def resume(self) -> None:
        assert self.process is not None
        self.process.resume()

    # --- what there is to see ------------------------------------------------------------------------------------

    @property
    def is_running(self) -> bool:
        return self.process is not None and not self.process.is_dead

    @property
    def is_paused(self) -> bool:
        return self.is_running and self.process.is_paused

    @property
    def table(self) -> PartitionTable | None:
        return getattr(self.node, "_partitions", None)

    @property
    def image(self) -> MetadataImage:
        publisher = getattr(self.node, "_publisher", None)
        return EMPTY_IMAGE if publisher is None else publisher.image

    @property
    def quorum(self) -> RaftQuorum | None:
        member = getattr(self.node, "_member", None)
        return None if member is None else member.quorum

    def __repr__(self) -> str:
        return f"node {self.node_id}"
