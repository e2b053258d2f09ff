"""Judges one run of a simulated cluster: what brokers do is watched all along, what was promised is checked at the end.

checker = Checker(cluster, history)
checker.watch()
...                                # the run, ending healed and quiet
checker.check_end()                # AssertionError: its first words are the promise that was broken
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from broker.metadata import EMPTY_IMAGE
from simulation import invariants_of_groups_and_metadata, invariants_of_records
from simulation.evidence import Evidence
from simulation.history import History
from simulation.watchers import InvariantBroken, NeverBack, OneLeaderPerEpoch, look_at_ends, look_at_in_sync

if TYPE_CHECKING:
    from broker.metadata import MetadataImage
    from broker.partition import Partition
    from simulation.broker_machine import BrokerMachine
    from simulation.cluster import SimulatedCluster
    from simulation.process import Process

INVARIANTS = invariants_of_records.INVARIANTS + invariants_of_groups_and_metadata.INVARIANTS


def check(evidence: Evidence) -> None:
    """All invariants; the error tells the first breach whole, and names the others."""
    broken = [(invariant.__name__.replace("_", " "), why) for invariant in INVARIANTS if (why := invariant(evidence))]
    if broken:
        others = ", ".join(name for name, _ in broken[1:])
        raise InvariantBroken(f"{broken[0][0]}: {broken[0][1]}" + (f"\nalso broken: {others}" if others else ""))


class Checker:
    def __init__(self, cluster: SimulatedCluster, history: History) -> None:
        self._cluster = cluster
        self._history = history
        self._brokers = {broker.machine.name: broker for broker in cluster.brokers.values()}
        self._high_watermarks = NeverBack("the high watermark of a replica")
        self._leader_epochs = NeverBack("the leader epoch of a replica")
        self._metadata_offsets = NeverBack("the metadata of a node")
        self._terms = NeverBack("the term of a node")
        self._leaders = OneLeaderPerEpoch()
        self.looks = 0
        self._newest = EMPTY_IMAGE

    def watch(self) -> None:
        self._cluster.world.after_turn.append(self._after_turn)

    def _after_turn(self, process: Process) -> None:
        broker = self._brokers.get(process.machine.name)
        if broker is not None and broker.node is not None:
            self.look(broker)

    # --- at all times --------------------------------------------------------------------------------------------

    def look(self, broker: BrokerMachine) -> None:
        self.looks += 1
        node_id, process = broker.node_id, broker.process
        self._newest = max((other.image for other in self._brokers.values()), key=lambda image: image.metadata_offset)
        self._metadata_offsets.see(node_id, process, broker.image.metadata_offset)
        if broker.quorum is not None and broker.quorum.term > 0:  # 0 until it has read its disk
            # Over all lives: the term is on disk before anything is said in it.
            self._terms.see(node_id, None, broker.quorum.term)
        for partition in broker.table or ():
            self._look_at(broker, partition)

    def _look_at(self, broker: BrokerMachine, partition: Partition) -> None:
        place, node_id = (partition.topic, partition.index), broker.node_id
        key = (*place, node_id)
        high_watermark = partition.high_watermark
        look_at_ends(place, node_id, high_watermark=high_watermark, log_end_offset=partition.log.log_end_offset)
        self._high_watermarks.see(key, partition, high_watermark)
        role = partition.leading or partition.following
        if role is None:
            return
        self._leader_epochs.see(key, partition, role.leader_epoch)
        leading = partition.leading
        if leading is not None:
            self._leaders.see(partition.topic_id, place, leading.leader_epoch, node_id)
            look_at_in_sync(place, node_id, high_watermark, self._durable_ends(partition))

    def _durable_ends(self, partition: Partition) -> dict[int, int]:
        """Of the in-sync replicas as the newest metadata knows them, where it names this very leader."""
        topic = self._newest.topics_by_id.get(partition.topic_id)
        assigned = topic.partitions[partition.index] if topic is not None else None
        if assigned is None or assigned.leader_epoch != partition.leader_epoch:
            return {}
        ends: dict[int, int] = {}
        for node_id in assigned.isr:
            table = self._cluster.brokers[node_id].table
            replica = table.find_by_id(partition.topic_id, partition.index) if table is not None else None
            if replica is not None:
                ends[node_id] = replica.durable_end_offset
        return ends

    # --- at the end ----------------------------------------------------------------------------------------------

    def check_end(self) -> None:
        """Once everything is healed and quiet."""
        for broker in self._brokers.values():
            self.look(broker)
        check(self.evidence())

    def evidence(self) -> Evidence:
        brokers = self._cluster.brokers
        image = next(iter(brokers.values())).image
        written = {send.place for send in self._history.sends}
        logs = {}
        for place in sorted(written):
            assigned = image.partition(*place)
            in_sync = assigned.isr if assigned is not None else ()
            logs[place] = {node_id: brokers[node_id].records(*place) for node_id in in_sync}
        images = {node_id: parts_of(broker.image) for node_id, broker in brokers.items()}
        return Evidence(self._history, logs, images, frozenset(image.topics_by_name))


def parts_of(image: MetadataImage) -> dict[str, object]:
    """What is in it, by name: of two that differ, one can say in what."""
    parts: dict[str, object] = {
        "the cluster id": image.cluster_id,
        "the next producer id": image.next_producer_id,
        "what was applied last": image.metadata_offset,
    }
    for what, mapping in (
        ("broker", image.brokers),
        ("configs", image.configs),
        ("feature", image.features),
        ("member", image.members),
        ("collision key", image.names_by_collision_key),
    ):
        parts.update({f"{what} {key}": value for key, value in mapping.items()})
    for topic in image.topics_by_name.values():
        parts[f"topic {topic.name}"] = (topic.topic_id, topic.internal)
        parts.update({f"partition {topic.name}-{each.partition}": each for each in topic.partitions})
    for topic_id, topic in image.topics_by_id.items():
        parts[f"topic id {topic_id.hex()}"] = topic.name
    return parts
