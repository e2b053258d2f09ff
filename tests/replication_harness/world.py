"""The scenario: clients produce, nodes crash, pause and are cut off, and what must hold is looked at all the time.

- `high watermark`: while a role lasts it never goes back; it is at or below what every member of the in-sync set has
- `visible`: what was once below a high watermark, anywhere, is that record for ever, everywhere
- `acknowledged`: in the end every acknowledged record is where the client was told, on every replica, once
- `one leader`: a leader epoch has one leader
"""

from __future__ import annotations

import random

from groups_harness.loop import HeldLoop, LoopClock
from log_harness.batches import NOW_MS, batch, records_of

from broker.controller import IsrAnswer, IsrWish
from broker.controller.broker_registry import (
    Heartbeat,
    Registration,
    decide_fence,
    decide_heartbeat,
    decide_registration,
)
from broker.controller.isr_changes import decide_isr_changes
from broker.metadata import (
    EMPTY_IMAGE,
    MetadataDelta,
    MetadataImage,
    MetadataRecord,
    PartitionImage,
    PartitionRecord,
    TopicRecord,
)
from broker.partition import Partition
from protocol.errors import ErrorCode, KafkaError
from replication_harness.network import Link
from replication_harness.node import ReplicaNode, config

TOPIC_ID = b"the topic's id.\xff"
SESSION_MS = 2000
SEEN_PER_LOOK = 40


class ReplicaWorld:
    def __init__(self, seed: int, *, nodes: int = 3, min_insync_replicas: int = 2) -> None:
        self.rng = random.Random(seed)
        self.loop = HeldLoop()
        self.clock = LoopClock(self.loop, NOW_MS)
        self.config = config()
        self.min_insync_replicas = min_insync_replicas
        self.image: MetadataImage = EMPTY_IMAGE
        self.records: list[list[MetadataRecord]] = []
        self.links: list[Link] = []
        self.cut: set[int] = set()
        self.slowness_ms = 3
        self.acknowledged: dict[int, bytes] = {}
        self.visible: dict[int, bytes] = {}
        self.refused = 0
        self.crashes = 0
        self.leader_of_epoch: dict[int, int] = {}
        self._values = 0
        self._high_watermarks: dict[int, tuple[object, int]] = {}
        self.nodes = {node_id: ReplicaNode(self, node_id) for node_id in range(1, nodes + 1)}
        for node in self.nodes.values():
            node.start()
        self.run(100)
        members = list(self.nodes)
        self.propose(
            [TopicRecord("t", TOPIC_ID), PartitionRecord(TOPIC_ID, 0, replicas=members, isr=members, leader=members[0])]
        )
        self.run(50)

    @property
    def now_ms(self) -> int:
        return self.loop.now_ms

    def delay_ms(self) -> int:
        return self.rng.randrange(self.slowness_ms + 1)

    def connected(self, one: int, other: int) -> bool:
        return one not in self.cut and other not in self.cut

    def is_cut_off(self, node_id: int) -> bool:
        return node_id in self.cut

    # --- the controller ------------------------------------------------------------------------------------------

    def propose(self, records: list[MetadataRecord]) -> None:
        if not records:
            return
        self.records.append(records)
        delta = MetadataDelta(self.image)
        delta.replay_all(records)
        self.image = delta.complete(len(self.records))
        for node in self.nodes.values():
            if node.is_running and not self.is_cut_off(node.node_id):
                node.apply_all_soon()

    def register(self, node: ReplicaNode) -> None:
        registration = Registration(node.node_id, self.rng.randbytes(16), {"PLAINTEXT": ("host", node.node_id)})
        records, epoch = decide_registration(
            self.image, registration, may_be_unclean=lambda topic: False, has_valid_session=False
        )
        node.epoch = epoch
        self.propose(records)

    def unfence(self, node: ReplicaNode) -> None:
        """Its heartbeat: it is alive and knows of its registration."""
        broker = self.image.brokers[node.node_id]
        if broker.broker_epoch == node.epoch and not self.is_cut_off(node.node_id):
            heartbeat = Heartbeat(node.node_id, node.epoch, node.applied)
            self.propose(decide_heartbeat(self.image, heartbeat, may_be_unclean=lambda topic: False).records)

    def fence(self, node_id: int) -> None:
        self.propose(decide_fence(self.image, node_id, may_be_unclean=lambda topic: False))

    def alter_isr(self, node: ReplicaNode, wishes: list[IsrWish]) -> list[IsrAnswer]:
        records, answers = decide_isr_changes(self.image, node.node_id, wishes)
        self.propose(records)
        return answers

    # --- what happens --------------------------------------------------------------------------------------------

    def run(self, duration_ms: int) -> None:
        pace_ms = 1 if duration_ms < 100 else 10
        for _ in range(0, duration_ms, pace_ms):
            self.loop.advance(pace_ms)
            self.look()

    def step(self) -> None:
        choice = self.rng.random()
        node = self.nodes[self.rng.choice(list(self.nodes))]
        down = [
            node for node in self.nodes.values() if not node.is_running or node.is_paused or node.node_id in self.cut
        ]
        if down and self.rng.random() < 0.1 * len(down):
            self._bring_back(self.rng.choice(down))
        elif choice < 0.80:
            for _ in range(self.rng.randrange(1, 4)):
                self.produce()
            self.run(self.rng.randrange(1, 12))
        elif choice < 0.86:
            self._stop_or_start(node)
        elif choice < 0.90:
            self._pause_or_resume(node)
        elif choice < 0.94:
            self._cut_or_heal(node)
        elif choice < 0.96:
            self.slowness_ms = self.rng.choice((0, 3, 3, 30))
        else:
            self.run(self.rng.choice((30, 300, 2500)))

    def _stop_or_start(self, node: ReplicaNode) -> None:
        if not node.is_running:
            node.start()
        else:
            self.crashes += 1
            node.crash(power_loss=self.rng.random() < 0.7)
            epoch = node.epoch
            self.loop.call_later(self.rng.choice((0, 0.05, 0.4)), self._fence_run, node.node_id, epoch)

    def _bring_back(self, node: ReplicaNode) -> None:
        if not node.is_running:
            node.start()
        if node.is_paused:
            self._pause_or_resume(node)
        if node.node_id in self.cut:
            self._cut_or_heal(node)

    def _pause_or_resume(self, node: ReplicaNode) -> None:
        if node.is_paused:
            node.resume()
            self.loop.call_later(0.05, self._come_back, node)
        elif node.is_running:
            node.pause()
            self.loop.call_later(SESSION_MS / 1000, self._fence_silent, node)

    def _cut_or_heal(self, node: ReplicaNode) -> None:
        if node.node_id in self.cut:
            self.cut.discard(node.node_id)
            node.apply_all_soon()
            self.loop.call_later(0.05, self._come_back, node)
        else:
            self.cut.add(node.node_id)
            for link in self.links:
                if node.node_id in (link.source.node_id, link.target_id):
                    link.break_off()
            self.loop.call_later(SESSION_MS / 1000, self._fence_silent, node)

    def _fence_run(self, node_id: int, epoch: int) -> None:
        if self.image.brokers[node_id].broker_epoch == epoch:
            self.fence(node_id)

    def _fence_silent(self, node: ReplicaNode) -> None:
        if node.is_paused or node.node_id in self.cut:
            self.fence(node.node_id)

    def _come_back(self, node: ReplicaNode) -> None:
        """Heartbeats go on, and say that it is there."""
        if node.is_running and not node.is_paused and node.applied >= node.epoch:
            self.unfence(node)

    def produce(self) -> None:
        """A client sends one batch to whoever believes that it leads."""
        leaders = [
            partition
            for node in self.nodes.values()
            if node.is_running and not node.is_paused and (partition := node.partition) and partition.is_leader
        ]
        if not leaders:
            return
        partition = self.rng.choice(leaders)
        self._values += 1
        values = [b"%d-%d " % (self._values, part) + bytes(self.rng.choice((0, 20, 200))) for part in range(2)]
        try:
            result = partition.append(batch(*values), now_ms=NOW_MS)
        except KafkaError:
            self.refused += 1
            return

        def answered(error: ErrorCode) -> None:
            if error is ErrorCode.NONE:
                for offset, value in enumerate(values, result.base_offset):
                    assert offset not in self.acknowledged, f"offset {offset} was acknowledged twice"
                    self.acknowledged[offset] = value
            else:
                self.refused += 1

        partition.when_committed(result.last_offset + 1, answered, timeout_ms=3000)

    # --- what must hold ------------------------------------------------------------------------------------------

    def look(self) -> None:
        for node in self.nodes.values():
            partition = node.partition
            if partition is not None:
                self._look_at(node, partition)
        self._look_at_in_sync()

    def _look_at(self, node: ReplicaNode, partition: Partition) -> None:
        role = partition.leading or partition.following
        high_watermark = partition.high_watermark
        former_role, former = self._high_watermarks.get(node.node_id, (None, 0))
        assert role is not former_role or role is None or high_watermark >= former, "a high watermark went back"
        self._high_watermarks[node.node_id] = (role, high_watermark)
        assert high_watermark <= partition.log.log_end_offset
        if partition.is_leader:
            leader = self.leader_of_epoch.setdefault(partition.leader_epoch, node.node_id)
            assert leader == node.node_id, f"epoch {partition.leader_epoch} has two leaders"
        if high_watermark != former:
            self._look_at_visible(partition, high_watermark)

    def _look_at_visible(self, partition: Partition, high_watermark: int) -> None:
        """The newest visible records: older ones were looked at when they were new."""
        start = max(partition.log.log_start_offset, high_watermark - SEEN_PER_LOOK)
        if start >= high_watermark:
            return
        data = partition.log.read(start, max_bytes=1 << 20, max_offset=high_watermark).records
        for record in records_of(data):
            if record.offset < high_watermark:
                seen = self.visible.setdefault(record.offset, record.value or b"")
                assert seen == record.value, f"{partition}: offset {record.offset} was {seen!r}, is {record.value!r}"

    def _look_at_in_sync(self) -> None:
        """Whoever leads as the controller knows it: all in the in-sync set have what it calls committed."""
        assigned = self._assigned()
        if assigned is None or assigned.leader not in self.nodes:
            return
        partition = self.nodes[assigned.leader].partition
        if partition is None or partition.leader_epoch != assigned.leader_epoch or not partition.is_leader:
            return
        for node_id in assigned.isr:
            member = self.nodes[node_id].partition
            if member is not None:
                assert member.durable_end_offset >= partition.high_watermark, (
                    f"{node_id} is in sync with {member.durable_end_offset} records of {partition.high_watermark}"
                )

    def _assigned(self) -> PartitionImage | None:
        topic = self.image.topics_by_id.get(TOPIC_ID)
        return None if topic is None else topic.partitions[0]

    # --- the end -------------------------------------------------------------------------------------------------

    def heal(self) -> None:
        self.slowness_ms = 3
        for node in self.nodes.values():
            self._bring_back(node)
        self.run(6000)
        self.produce()
        self.run(500)

    def check_end(self) -> None:
        assigned = self._assigned()
        assert assigned is not None and set(assigned.isr) == set(self.nodes), f"not all came back in sync: {assigned}"
        logs = {node_id: self._everything(node_id) for node_id in self.nodes}
        first = logs[1]
        assert all(log == first for log in logs.values()), "the replicas differ"
        missing = {offset for offset, value in self.acknowledged.items() if first.get(offset) != value}
        assert not missing, f"acknowledged, and lost: {sorted(missing)}"
        values = list(first.values())
        assert len(values) == len(set(values)), "a record is there twice"

    def _everything(self, node_id: int) -> dict[int, bytes]:
        partition = self.nodes[node_id].partition
        assert partition is not None
        log, found = partition.log, {}
        offset = log.log_start_offset
        while offset < log.log_end_offset:
            read = log.read(offset, max_bytes=1 << 20, max_offset=log.log_end_offset)
            found.update({record.offset: record.value or b"" for record in records_of(read.records)})
            offset = read.end_offset
        return found


def run_replica_seed(seed: int, *, steps: int = 200) -> ReplicaWorld:
    """One scenario from start to healed end; raises what did not hold."""
    world = ReplicaWorld(seed, min_insync_replicas=1 if seed % 3 == 0 else 2)
    try:
        for _ in range(steps):
            world.step()
        world.heal()
        world.check_end()
    finally:
        world.loop.close()
    return world
