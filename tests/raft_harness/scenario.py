"""One seed's story: a cluster, clients, bad weather, then healing and the questions asked afterwards."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from random import Random

from raft import Change, ChangeKind, Outcome, RaftNode
from raft_harness.cluster import Cluster
from raft_harness.invariants import InvariantBroken, require
from raft_harness.linearizability import Operation, is_linearizable
from raft_harness.machine import Faults

DURATION_MS = 2_000
CLIENTS = 3
NAMES = ("x", "y")


class Scenario:
    """`run` raises AssertionError, with the seed and the state of all nodes in it, if anything was wrong."""

    def __init__(self, seed: int, *, node_class: type[RaftNode] = RaftNode) -> None:
        self.random = Random(f"scenario {seed}")
        self.seed = seed
        random = self.random
        faults = Faults(
            drop=random.choice([0, 0, 0.02, 0.1, 0.25]),
            duplicate=random.choice([0, 0.02, 0.1]),
            slow_message=random.choice([0, 0.02, 0.1]),
            delay_ms=random.choice([(0.1, 0.5), (0.2, 3.0), (1.0, 15.0)]),
            disk_ms=random.choice([(0.1, 0.3), (0.5, 5.0), (1.0, 30.0)]),
            tick_skew=random.choice([0, 0.1, 0.4]),
            readies_under_way=random.choice([1, 1, 3]),
            snapshot_every=random.choice([0, 8, 8, 25]),
            snapshot_keep=random.choice([0, 3, 10]),
            encode=seed % 4 == 0,
        )
        self.cluster = Cluster(
            seed,
            random.choice([1, 2, 3, 3, 3, 4, 5, 5]),
            faults=faults,
            learners=random.choice([0, 0, 1]),
            node_class=node_class,
            heartbeat_ticks=2,
            inflight_messages_max=random.choice([1, 4, 64]),
            append_bytes_max=random.choice([1, 20, 1 << 20]),
            snapshot_chunk_bytes=random.choice([16, 64, 1 << 20]),
            committed_bytes_per_ready=random.choice([30, 1 << 20]),
        )
        self.calm_ms = random.choice([15, 40, 70, 120])
        # Every third seed is about logs that diverge: leaders deposed in the middle of their work, again and
        # again, each heard by at most one other.
        self.is_diverging = seed % 3 == 2
        if self.is_diverging:
            self.calm_ms = 25
        self.histories: dict[str, list[Operation]] = {name: [] for name in NAMES}
        self.writes = 0
        self.unanswered: dict[str, tuple[str, float]] = {}
        self.clients_stopped = False

    def run(self) -> Scenario:
        try:
            self._run()
        except AssertionError as error:
            named = error if isinstance(error, InvariantBroken) else f"{type(error).__name__}: {error}"
            raise InvariantBroken(f"{named}\n{self.cluster.describe()}") from error
        return self

    def _run(self) -> None:
        cluster = self.cluster
        for client in range(CLIENTS):
            cluster.at(self.random.uniform(0, 200), lambda client=client: self._client(client))  # type: ignore[misc]
        cluster.at(self.random.uniform(50, 300), self._fault)
        cluster.run(DURATION_MS)
        self.clients_stopped = True
        self._heal()
        self._converge()
        for value, (name, began) in self.unanswered.items():
            self.histories[name].append(Operation(True, value, began))
        for name, history in self.histories.items():
            require(is_linearizable(history), "Linearizability", f"{name}: {history}")

    # --- clients -------------------------------------------------------------------------------------------

    def _client(self, client: int) -> None:
        """One operation at a time: write a value nobody else writes, or read."""
        if self.clients_stopped:
            return
        cluster, random = self.cluster, self.random
        # Deposed leaders that do not know it yet are asked as often as the real one.
        leaders = [node_id for node_id, raft in cluster.running().items() if raft.is_leader]
        node_id = random.choice(leaders if leaders and random.random() < 0.8 else list(cluster.nodes))
        name = random.choice(NAMES)
        done = self._write(client, node_id, name) if random.random() < 0.6 else self._read(client, node_id, name)
        if not done:
            self._again(client, 20)

    def _again(self, client: int, within_ms: float) -> None:
        self.cluster.at(self.random.uniform(1, within_ms), lambda: self._client(client))

    def _write(self, client: int, node_id: int, name: str) -> bool:
        self.writes += 1
        value, began = f"v{self.writes}", self.cluster.now

        def answer(outcome: Outcome) -> None:
            self.unanswered.pop(value, None)
            if outcome is not Outcome.NOT_LEADER:
                ended = self.cluster.now if outcome is Outcome.OK else inf
                self.histories[name].append(Operation(True, value, began, ended))
            self._again(client, 60)

        self.unanswered[value] = (name, began)
        if self.cluster.propose(node_id, f"{name}={value}".encode(), answer):
            return True
        del self.unanswered[value]
        return False

    def _read(self, client: int, node_id: int, name: str) -> bool:
        began = self.cluster.now

        def answer(value: str | None) -> None:
            if value is not None:
                self.histories[name].append(Operation(False, value, began, self.cluster.now))
            self._again(client, 60)

        return self.cluster.read(node_id, name, answer)

    # --- weather -------------------------------------------------------------------------------------------

    def _fault(self) -> None:
        if self.clients_stopped:
            return
        faults: list[tuple[Callable[[int], None], int]] = [
            (self._crash, 4),
            (self._pause, 2),
            (lambda node_id: self.cluster.isolate(node_id), 2),
            (self._cut_one_way, 2),
            (lambda node_id: self.cluster.heal(), 3),
            (self._transfer, 2),
            (self._change, 4),
            (lambda node_id: self._ask(node_id, lambda raft: raft.forget_leader()), 1),
            (lambda node_id: self._ask(node_id, lambda raft: raft.campaign()), 1),
            (self._unreachable, 1),
            (self._crash_all, 1),
            (self._lose_leader, 3),
        ]
        if self.is_diverging:
            faults = [(self._lose_leader, 6), (self._crash, 1), (lambda node_id: self.cluster.heal(), 1)]
        action = self.random.choices([each for each, _ in faults], [weight for _, weight in faults])[0]
        action(self._victim())
        self.cluster.at(self.random.expovariate(1 / self.calm_ms), self._fault)

    def _victim(self) -> int:
        leader = self.cluster.leader()
        if leader is not None and self.random.random() < 0.5:
            return leader
        return self.random.choice(list(self.cluster.nodes))

    def _ask(self, node_id: int, action: Callable[[RaftNode], int | None]) -> None:
        self.cluster.operate(node_id, action)

    def _crash(self, node_id: int) -> None:
        self.cluster.crash(node_id)
        self.cluster.at(self.random.uniform(1, 300), lambda: self.cluster.start(node_id))

    def _crash_all(self, _: int) -> None:
        for node_id in self.cluster.nodes:
            self._crash(node_id)

    def _lose_leader(self, node_id: int) -> None:
        """Its connections break and it does not know; a few may still hear it."""
        cluster = self.cluster
        cluster.isolate(node_id, *self.random.sample(list(cluster.nodes), self.random.choice([0, 0, 1])))
        for other in cluster.nodes:
            if other != node_id:
                self._ask(other, lambda raft: raft.forget_leader())
        cluster.at(self.random.uniform(20, 300), cluster.heal)

    def _pause(self, node_id: int) -> None:
        self.cluster.pause(node_id)
        self.cluster.at(self.random.uniform(1, 400), lambda: self.cluster.resume(node_id))

    def _cut_one_way(self, node_id: int) -> None:
        other = self.random.choice(list(self.cluster.nodes))
        self.cluster.cut.add((node_id, other) if self.random.random() < 0.5 else (other, node_id))

    def _transfer(self, _: int) -> None:
        leader, target = self.cluster.leader(), self.random.choice(list(self.cluster.nodes))
        if leader is not None:
            self._ask(leader, lambda raft: raft.transfer_leadership(target))

    def _unreachable(self, node_id: int) -> None:
        leader = self.cluster.leader()
        if leader is not None:
            self._ask(leader, lambda raft: raft.report_unreachable(node_id))

    def _change(self, node_id: int) -> None:
        cluster, random = self.cluster, self.random
        leader = cluster.leader()
        if leader is None:
            return
        if len(cluster.nodes) < 6 and random.random() < 0.3:
            node_id = len(cluster.nodes) + 1
            cluster.add_machine(node_id, bytes([node_id]) * 16)
            cluster.start(node_id)
        kind = random.choice([ChangeKind.ADD_VOTER, ChangeKind.ADD_VOTER, ChangeKind.ADD_LEARNER, ChangeKind.REMOVE])
        change = Change(kind, node_id, cluster.nodes[node_id].directory_id)
        self._ask(leader, lambda raft: raft.propose_configuration_change([change]))

    # --- healing -------------------------------------------------------------------------------------------

    def _heal(self) -> None:
        cluster = self.cluster
        faults = cluster.faults
        faults.drop = faults.duplicate = faults.slow_message = 0.0
        faults.delay_ms, faults.disk_ms = (0.2, 2.0), (0.1, 1.0)
        cluster.heal()
        for node_id in cluster.nodes:
            cluster.resume(node_id)
            cluster.start(node_id)

    def _converge(self) -> None:
        """One leader, through which a write goes, and all members hold the same."""
        cluster = self.cluster
        done: list[Outcome] = []

        def try_again() -> None:
            leader = cluster.leader()
            if Outcome.OK not in done:
                if leader is not None:
                    cluster.propose(leader, f"end={cluster.now}".encode(), done.append)
                cluster.at(100, try_again)

        try_again()
        cluster.run_until(lambda: Outcome.OK in done, 15_000)
        cluster.run_until(self._all_alike, 15_000)
        cluster.observer.logs_match(cluster.running())

    def _all_alike(self) -> bool:
        cluster = self.cluster
        leader = cluster.leader()
        if leader is None:
            return False
        raft = cluster.nodes[leader].raft
        assert raft is not None
        members = raft.status().configuration.members()
        alike = {cluster.nodes[member].machine.digest for member in members}
        return len(alike) == 1 and cluster.nodes[leader].machine.applied == raft.status().last_index
