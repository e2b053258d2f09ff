"""A simulated machine with a broker on it: the whole of the production code, from its listeners to its files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from broker.config import BrokerConfig
from broker.log import PartitionLog
from broker.machine import Machine
from broker.metadata import EMPTY_IMAGE, MetadataImage
from broker.node import Node
from broker.partition import PartitionTable
from broker.quorum import RaftQuorum
from protocol.records import iterate_batches, read_records
from simulation.process import Process, SimulatedMachine
from simulation.process_loop import SimulatedWorker
from wal import StorageError

if TYPE_CHECKING:
    from simulation.world import World

DATA_DIRECTORY = "data"


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """`sequence` is -1 where the producer has no id."""

    offset: int
    leader_epoch: int
    producer_id: int
    sequence: int
    key: bytes | None
    value: bytes | None
    is_control: bool


def stored_records(log: PartitionLog) -> list[StoredRecord]:
    found: list[StoredRecord] = []
    offset = log.log_start_offset
    while offset < log.log_end_offset:
        read = log.read(offset, max_bytes=1 << 20, max_offset=log.log_end_offset)
        data = bytes(read.records)
        for position, header in iterate_batches(data):
            for record in read_records(data, position, header, decompressed_bytes_max=1 << 24):
                found.append(
                    StoredRecord(
                        record.offset,
                        header.partition_leader_epoch,
                        header.producer_id,
                        header.base_sequence + record.offset - header.base_offset if header.producer_id >= 0 else -1,
                        record.key,
                        record.value,
                        header.is_control,
                    )
                )
        offset = read.end_offset
    return found


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
        # Told when it is gone, by whatever cause.
        self.when_gone: Callable[[BrokerMachine], None] | None = None

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
        try:
            await self._serve(node)
        except (StorageError, OSError) as error:
            self.failure = str(error)
        self.world.after(0, self._ended_by_itself, process)

    async def _serve(self, node: Node) -> None:
        """As `broker.running` does."""
        await node.start()
        self.has_joined = True
        await node.stop_requested.wait()
        if node.failure:
            self.failure = node.failure
            await node.leave()
        else:
            await node.stop()

    def ask_to_stop(self) -> None:
        """SIGTERM."""
        assert self.process is not None and self.node is not None
        self.process.loop.call_soon(self.node.stop_requested.set)

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
        if self.when_gone is not None:
            self.when_gone(self)

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
        return self.process is not None and not self.process.is_dead and self.process.is_paused

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

    def leads(self, topic: str, index: int) -> bool:
        partition = self.table.find(topic, index) if self.table is not None else None
        return partition is not None and partition.leading is not None

    def records(self, topic: str, index: int) -> list[StoredRecord]:
        """Everything in its log of that partition, from the start; control records too."""
        partition = self.table.find(topic, index) if self.table is not None else None
        return [] if partition is None else stored_records(partition.log)

    @property
    def wants_restart(self) -> str:
        """What its log asks an operator to restart it for, once the disk has room: what it does not serve and does not
        open by itself."""
        logs = getattr(self.node, "_logs", None)
        if logs is None or not self.has_joined:
            return ""
        offline = [reason for key, reason in logs.offline.items() if not logs.waits(*key)]
        return next(iter([*offline, *(log.failure for log in logs.logs.values() if log.failure)]), "")

    def state(self) -> str:
        """For people: how it is and what it believes."""
        if not self.is_running:
            return f"{self} is down {self.failure}"
        how = "stands still" if self.is_paused else "joined" if self.has_joined else "is starting"
        quorum = self.quorum
        leads = "" if quorum is None else f", term {quorum.term}, controller {quorum.leader_id}"
        lines = [f"{self.process} {how}{leads}, metadata {self.image.metadata_offset} {self.failure}"]
        for partition in self.table or ():
            assigned = self.image.partition(partition.topic, partition.index)
            role = "leads" if partition.leading else "follows" if partition.following else "has no part in"
            lines.append(
                f"    {role} {partition}: {partition.log.log_start_offset}..{partition.log.log_end_offset}, "
                f"high watermark {partition.high_watermark}, {assigned} {partition.log.failure}"
            )
        return "\n  ".join(lines)

    def __repr__(self) -> str:
        return f"node {self.node_id}"
