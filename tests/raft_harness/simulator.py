"""A cluster of real nodes under one seed: virtual time, and a network and disks that fail.

Everything that happens is an event in one queue ordered by (time, number), and every choice comes from one
random source, so a seed reproduces a run exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from random import Random

from raft import (
    Configuration,
    Outcome,
    RaftConfig,
    RaftNode,
    Ready,
    Role,
    decode_message,
    encode_message,
)
from raft.messages import Message
from raft_harness.disk import Disk, Operation
from raft_harness.invariants import InvariantBroken, Observer
from raft_harness.machine import TICK_MS, Faults, SimulatedNode, StateMachine

# What one event may lead to: a node that never comes to rest would let no time pass.
READIES_PER_PUMP_MAX = 1000


class Simulator:
    """The cluster as time and faults see it, `Cluster` adds who uses it. `node_class` lets a test put in a broken
    one."""

    def __init__(
        self,
        seed: int,
        voters: int = 3,
        *,
        faults: Faults | None = None,
        learners: int = 0,
        node_class: type[RaftNode] = RaftNode,
        **config: int,
    ) -> None:
        self.seed = seed
        self.random = Random(seed)
        self.faults = faults or Faults()
        self.node_class = node_class
        self.config = config
        self.now = 0.0
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0
        self.cut: set[tuple[int, int]] = set()
        self.steps = 0
        self.digests = ["0"]
        ids = range(1, voters + 1)
        directories = {node_id: bytes([node_id]) * 16 for node_id in range(1, voters + learners + 1)}
        self.bootstrap = Configuration(
            {node_id: directories[node_id] for node_id in ids},
            {node_id: directories[node_id] for node_id in directories if node_id not in ids},
        )
        self.nodes: dict[int, SimulatedNode] = {}
        for node_id, directory_id in directories.items():
            self.add_machine(node_id, directory_id)
        self.observer = Observer({node_id: node.disk for node_id, node in self.nodes.items()})
        for node_id in self.nodes:
            self.start(node_id)

    # --- time --------------------------------------------------------------------------------------------

    def at(self, delay_ms: float, action: Callable[[], None]) -> None:
        self._number += 1
        heappush(self._queue, (self.now + delay_ms, self._number, action))

    def run(self, duration_ms: float) -> None:
        self.run_until(lambda: False, duration_ms, fail=False)

    def run_until(self, condition: Callable[[], bool], within_ms: float = 20_000, *, fail: bool = True) -> None:
        end = self.now + within_ms
        while not condition():
            if not self._queue or self._queue[0][0] > end:
                self.now = end
                if fail:
                    raise AssertionError(f"not reached within {within_ms} ms: {self.describe()}")
                return
            self.now, _, action = heappop(self._queue)
            self.steps += 1
            action()

    # --- machines ----------------------------------------------------------------------------------------

    def add_machine(self, node_id: int, directory_id: bytes) -> SimulatedNode:
        node = SimulatedNode(node_id, Disk(self.bootstrap), directory_id)
        skew = self.faults.tick_skew
        node.tick_ms = TICK_MS * self.random.uniform(1 - skew, 1 + skew)
        self.nodes[node_id] = node
        if hasattr(self, "observer"):
            self.observer.disks[node_id] = node.disk
        return node

    def start(self, node_id: int) -> None:
        node = self.nodes[node_id]
        if node.raft is not None:
            return
        node.incarnation += 1
        node.machine = StateMachine(node.disk.content()) if node.disk.current.snapshot().index else StateMachine()
        config = RaftConfig(node_id=node_id, directory_id=node.directory_id, **self.config)
        node.raft = self.node_class(config, node.disk.current, jitter=self.random.randrange)
        node.committed, node.role, node.term = 0, Role.FOLLOWER, node.raft.status().term
        self._tick_later(node, node.incarnation, self.random.uniform(0, node.tick_ms))
        self._pump(node)

    def _tick_later(self, node: SimulatedNode, incarnation: int, delay_ms: float) -> None:
        def tick() -> None:
            if node.incarnation == incarnation and node.raft is not None:
                if not node.paused:
                    node.raft.tick()
                    self._pump(node)
                self._tick_later(node, incarnation, node.tick_ms)

        self.at(delay_ms, tick)

    def crash(self, node_id: int) -> None:
        node = self.nodes[node_id]
        if node.raft is None:
            return
        in_flight = [operation for _, operations in node.under_way for operation in operations]
        node.disk.crash(in_flight, self.random)
        node.raft = None
        node.incarnation += 1
        node.paused = False
        node.inbox.clear()
        node.under_way.clear()
        for _, answer in node.proposals.values():
            answer(Outcome.UNKNOWN)
        for read in [*node.reads.values(), *(waiting for _, waiting in node.reads_waiting)]:
            read(None)
        node.proposals.clear()
        node.reads.clear()
        node.reads_waiting.clear()

    def replace_disk(self, node_id: int, directory_id: bytes) -> None:
        """The machine comes back with an empty disk."""
        self.crash(node_id)
        node = self.nodes[node_id]
        node.disk, node.directory_id = Disk(self.bootstrap), directory_id
        self.observer.disks[node_id] = node.disk
        self.observer.replaced.add(node_id)

    def pause(self, node_id: int) -> None:
        self.nodes[node_id].paused = True

    def resume(self, node_id: int) -> None:
        node = self.nodes[node_id]
        if node.paused:
            node.paused = False
            waiting, node.inbox = node.inbox, []
            for action in waiting:
                action()

    def _when_running(self, node: SimulatedNode, delay_ms: float, action: Callable[[], None]) -> None:
        """An event of this process: gone with it, late if it is paused."""
        incarnation = node.incarnation

        def happen() -> None:
            if node.incarnation == incarnation:
                if node.paused:
                    node.inbox.append(happen)
                else:
                    action()

        self.at(delay_ms, happen)

    # --- the driver: persist, send, apply, advance -------------------------------------------------------

    def _pump(self, node: SimulatedNode) -> None:
        assert node.raft is not None
        self._observe(node)
        for _ in range(READIES_PER_PUMP_MAX):
            if len(node.under_way) >= self.faults.readies_under_way:
                return
            ready = node.raft.ready()
            self._observe(node)
            if ready is None:
                return
            self._send(node, ready.early_messages)
            operations = node.disk.operations_of(ready)
            node.under_way.append((ready, operations))
            if len(node.under_way) == 1:
                self._persist_next(node)
        raise InvariantBroken(f"Rest: node {node.id} has always more to do at {self.now:.1f} ms")

    def _persist_next(self, node: SimulatedNode) -> None:
        ready, operations = node.under_way[0]
        delay_ms = self.random.uniform(*self.faults.disk_ms) if ready.must_sync else 0.0
        if delay_ms:
            self._when_running(node, delay_ms, lambda: self._persisted(node))
        else:
            self._carry_out(node, ready, operations)

    def _persisted(self, node: SimulatedNode) -> None:
        ready, operations = node.under_way[0]
        self._carry_out(node, ready, operations)
        if node.raft is not None:
            self._pump(node)

    def _carry_out(self, node: SimulatedNode, ready: Ready, operations: list[Operation]) -> None:
        assert node.raft is not None
        node.disk.write(operations)
        if ready.must_sync:
            node.disk.sync()
        self._send(node, ready.messages)
        self._apply(node, ready)
        del node.under_way[0]
        node.raft.advance(ready)
        self._observe(node)
        self._maybe_snapshot(node)
        if node.under_way:
            self._persist_next(node)

    def _apply(self, node: SimulatedNode, ready: Ready) -> None:
        if ready.snapshot is not None:
            node.machine = StateMachine(node.disk.content())
            expected = self.digests[ready.snapshot.index]
            self.observer.loads_snapshot(node.raft, node.id, ready, node.machine.digest, expected)
        if ready.committed_entries:
            self.observer.applies(node.id, ready.committed_entries, node.term)
            for entry in ready.committed_entries:
                node.machine.apply(entry)
                if entry.index == len(self.digests):
                    self.digests.append(node.machine.digest)
        for settled in ready.settled:
            term, answer = node.proposals.pop(settled.proposal_id)
            self.observer.answers(node.id, node.incarnation, settled, term)
            answer(settled.outcome)
        for state in ready.read_states:
            read = node.reads.pop(state.read_id)
            if state.index is None:
                read(None)
            else:
                node.reads_waiting.append((state.index, read))
        for index, read in node.reads_waiting.copy():
            if index <= node.machine.applied:
                node.reads_waiting.remove((index, read))
                read(index)

    def _observe(self, node: SimulatedNode) -> None:
        assert node.raft is not None
        state = node.raft._state
        if state.term < node.term:
            raise InvariantBroken(f"MonotonicTerm: node {node.id}: {node.term} to {state.term}")
        node.term = state.term
        node.committed = self.observer.log_is_sane(node.raft, node.id, node.committed)
        if state.role is not node.role:
            node.role = state.role
            if state.role is Role.LEADER:
                self.observer.elected(node.raft, state.term, node.id)

    def _maybe_snapshot(self, node: SimulatedNode) -> None:
        every = self.faults.snapshot_every
        applied = node.machine.applied
        if not every or node.raft is None or applied - node.disk.current.snapshot().index < every:
            return
        configuration = node.raft.configuration_at(applied)
        if configuration is None:
            return
        node.disk.take_snapshot(applied, configuration, node.machine.content(), self.faults.snapshot_keep)
        node.raft.compacted()

    # --- network -----------------------------------------------------------------------------------------

    def _send(self, node: SimulatedNode, messages: list[Message]) -> None:
        faults, random = self.faults, self.random
        for message in messages:
            self.observer.sends(node.raft, node.id, message)
            if random.random() < faults.drop:
                continue
            copies = 2 if random.random() < faults.duplicate else 1
            for _ in range(copies):
                delay_ms = random.uniform(*faults.delay_ms)
                if random.random() < faults.slow_message:
                    delay_ms += random.uniform(10, 400)
                self.at(delay_ms, lambda message=message: self._deliver(message))  # type: ignore[misc]

    def _deliver(self, message: Message) -> None:
        receiver = self.nodes.get(message.recipient)
        if receiver is None or receiver.raft is None or (message.sender, message.recipient) in self.cut:
            return
        if receiver.paused:
            receiver.inbox.append(lambda: self._deliver(message))
            return
        if self.faults.encode:
            message = decode_message(encode_message(message))
        receiver.raft.step(message)
        self._pump(receiver)

    def isolate(self, *group: int) -> None:
        """Cut `group` off from everyone else, both ways."""
        for one in self.nodes:
            for other in self.nodes:
                if (one in group) != (other in group):
                    self.cut.add((one, other))

    def heal(self) -> None:
        self.cut.clear()

    def describe(self) -> str:
        lines = [f"seed {self.seed} at {self.now:.1f} ms, cut {sorted(self.cut)}, {self.faults}"]
        for node_id, node in self.nodes.items():
            if node.raft is None:
                lines.append(f"  {node_id}: down")
                continue
            s = node.raft.status()
            members = f"voters {sorted(s.configuration.voters)} learners {sorted(s.configuration.learners)}"
            lines.append(
                f"  {node_id}: {s.role.value} term {s.term} leader {s.leader} log {s.first_index}..{s.last_index}"
                f" committed {s.committed} applied {s.applied} {members}{' paused' if node.paused else ''}"
            )
        return "\n".join(lines)
