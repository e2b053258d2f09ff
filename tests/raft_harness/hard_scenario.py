"""A scenario in which everything that makes logs diverge happens at once, as it hardly does by chance.

Leaders are cut off with at most one follower, again and again, in the middle of their writes; an entry travels alone,
so that messages end between any two; several writes are under way on slow disks; logs are compacted to their end;
answers come twice; and operators ask for several changes of the configuration in a row.
"""

from __future__ import annotations

from raft import Change, ChangeKind, RaftNode
from raft_harness.cluster import Cluster
from raft_harness.machine import Faults
from raft_harness.scenario import Scenario


class HardScenario(Scenario):
    """Seeds of its own: number 7 here has nothing to do with number 7 of `Scenario`."""

    def __init__(self, seed: int, *, node_class: type[RaftNode] = RaftNode) -> None:
        super().__init__(seed, node_class=node_class)
        self.random.seed(f"hard {seed}")
        random = self.random
        faults = Faults(
            drop=random.choice([0, 0, 0.1]),
            duplicate=random.choice([0.1, 0.4]),
            slow_message=random.choice([0, 0.1, 0.2]),
            delay_ms=random.choice([(0.2, 3.0), (0.2, 10.0), (1.0, 25.0)]),
            disk_ms=random.choice([(0.1, 0.3), (0.5, 10.0), (1.0, 40.0), (5.0, 120.0)]),
            tick_skew=random.choice([0, 0.4]),
            readies_under_way=random.choice([1, 3, 3]),
            snapshot_every=random.choice([0, 2, 4]),
            snapshot_keep=random.choice([0, 0, 2]),
        )
        self.cluster = Cluster(
            seed,
            random.choice([3, 4, 5, 5]),
            faults=faults,
            node_class=node_class,
            heartbeat_ticks=2,
            inflight_messages_max=random.choice([1, 4, 64]),
            append_bytes_max=random.choice([1, 1, 1 << 20]),
            snapshot_chunk_bytes=1 << 20,
        )
        self.calm_ms = random.choice([10, 25, 50])

    def _fault(self) -> None:
        if self.clients_stopped:
            return
        faults = [
            (self._lose_leader, 8),
            (self._crash, 3),
            (self._crash_leader_and_return, 3),
            (lambda node_id: self.cluster.heal(), 3),
            (self._changes_in_a_row, 1),
        ]
        action = self.random.choices([each for each, _ in faults], [weight for _, weight in faults])[0]
        action(self._victim())
        self.cluster.at(self.random.expovariate(1 / self.calm_ms), self._fault)

    def _crash_leader_and_return(self, _: int) -> None:
        """Gone and back before the others have chosen another one: what it had not sent comes with a later term."""
        leader = self.cluster.leader()
        if leader is not None:
            self.cluster.crash(leader)
            self.cluster.at(self.random.uniform(1, 60), lambda: self.cluster.start(leader))

    def _changes_in_a_row(self, _: int) -> None:
        """With one follower at most to hear them; all but the first are to be refused."""
        cluster, random = self.cluster, self.random
        leader = cluster.leader()
        if leader is None:
            return
        cluster.isolate(leader, *random.sample(list(cluster.nodes), random.choice([0, 1])))
        for node_id in random.sample(list(cluster.nodes), min(3, len(cluster.nodes))):
            kind = random.choice([ChangeKind.REMOVE, ChangeKind.REMOVE, ChangeKind.ADD_VOTER])
            change = Change(kind, node_id, cluster.nodes[node_id].directory_id)
            self._ask(leader, lambda raft, change=change: raft.propose_configuration_change([change]))  # type: ignore[misc]
        cluster.at(random.uniform(20, 300), cluster.heal)
