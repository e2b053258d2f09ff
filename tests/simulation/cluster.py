"""A simulated cluster: three brokers, each on a machine of its own, in one world.

cluster = SimulatedCluster(World(seed=7))
cluster.start()
world.run_until(cluster.is_ready, within_s=10)
"""

from __future__ import annotations

from collections.abc import Mapping

from simulation.broker_machine import BrokerMachine
from simulation.simulated_clock import SimulatedClock
from simulation.world import World

CLIENT_PORT = 9092
CONTROLLER_PORT = 9093

# Small, so that a few hundred records roll segments, and short, so that a scenario of a minute sees everything.
SETTINGS = {
    "default.replication.factor": "3",
    "offsets.topic.replication.factor": "3",
    "offsets.topic.num.partitions": "2",
    "min.insync.replicas": "2",
    "log.roll.ms": "5000",
    "log.flush.offset.checkpoint.interval.ms": "3000",
    "replica.high.watermark.checkpoint.interval.ms": "1000",
}


class SimulatedCluster:
    def __init__(self, world: World, *, nodes: int = 3, settings: Mapping[str, str] | None = None) -> None:
        self.world = world
        ids = range(1, nodes + 1)
        voters = ",".join(f"{node_id}@node-{node_id}:{CONTROLLER_PORT}" for node_id in ids)
        common = {**SETTINGS, "controller.quorum.voters": voters, **(settings or {})}
        self.brokers = {node_id: self._broker(node_id, common) for node_id in ids}

    def _broker(self, node_id: int, common: Mapping[str, str]) -> BrokerMachine:
        rng, host = self.world.rng, f"node-{node_id}"
        clock = SimulatedClock(
            self.world,
            rate=rng.uniform(0.999, 1.001),
            started_s=rng.uniform(100, 1_000_000),
            wall_offset_ms=rng.randrange(-2000, 2000),
        )
        settings = {
            **common,
            "process.roles": "broker,controller",
            "listeners": f"PLAINTEXT://{host}:{CLIENT_PORT},CONTROLLER://{host}:{CONTROLLER_PORT}",
            "controller.listener.names": "CONTROLLER",
        }
        return BrokerMachine(self.world, node_id, self.world.machine(host, clock=clock), settings)

    @property
    def bootstrap(self) -> list[tuple[str, int]]:
        return [(broker.machine.name, CLIENT_PORT) for broker in self.brokers.values()]

    def start(self) -> None:
        for broker in self.brokers.values():
            broker.start()

    @property
    def running(self) -> list[BrokerMachine]:
        return [broker for broker in self.brokers.values() if broker.is_running]

    def is_healed(self) -> bool:
        """Everybody is there, and every replica of what there is is in sync."""
        if not self.is_ready():
            return False
        image = max((broker.image for broker in self.brokers.values()), key=lambda image: image.metadata_offset)
        return all(
            set(partition.isr) == set(partition.replicas) and partition.leader >= 0 and not partition.adding_replicas
            for topic in image.topics_by_id.values()
            for partition in topic.partitions
        )

    def is_quiet(self) -> bool:
        """Healed, and every replica has all there is, knows that the others have it too, and has the same metadata."""
        if not self.is_healed() or len({broker.image.metadata_offset for broker in self.brokers.values()}) > 1:
            return False
        ends: dict[tuple[bytes, int], set[tuple[int, int]]] = {}
        for broker in self.brokers.values():
            assert broker.table is not None
            for partition in broker.table:
                seen = ends.setdefault((partition.topic_id, partition.index), set())
                seen.add((partition.log.log_end_offset, partition.high_watermark))
        return all(len(seen) == 1 and len(set(*seen)) == 1 for seen in ends.values())

    def is_ready(self) -> bool:
        """Every broker runs and is a member that all the others know of."""
        return all(broker.has_joined for broker in self.brokers.values()) and all(
            len(broker.image.brokers) == len(self.brokers)
            and not any(registered.fenced for registered in broker.image.brokers.values())
            for broker in self.brokers.values()
        )
