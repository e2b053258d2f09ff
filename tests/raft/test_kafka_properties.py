"""The seven properties of Kafka's RaftEventSimulationTest, on our simulator, each for several seeds.

Its invariants are all checked at every step, among others, under our names: MonotonicHighWatermark
(MonotonicCommit), MonotonicEpoch (MonotonicTerm), MajorityReachedHighWatermark (CommittedIsDurable),
SingleLeader (ElectionSafety), SnapshotAtLogStart, LeaderNeverLoadSnapshot (LeaderNeverLoadsSnapshot).
"""

from __future__ import annotations

from random import Random

import pytest
from raft_harness.cluster import Cluster
from raft_harness.machine import Faults

from raft import Outcome

SEEDS = range(100)


def cluster_for(seed: int, smallest: int, largest: int) -> Cluster:
    """That many voters, up to two observers, and a client that writes all the time."""
    random = Random(f"kafka {seed}")
    voters = random.randint(smallest, largest)
    faults = Faults(snapshot_every=random.choice([0, 10]), delay_ms=(0.2, 5.0))
    cluster = Cluster(seed, voters, faults=faults, learners=random.randint(0, 2))
    acknowledged: list[Outcome] = []

    def write() -> None:
        leader = cluster.leader()
        if leader is not None:
            cluster.propose(leader, f"x={len(acknowledged)}".encode(), acknowledged.append)
        cluster.at(5, write)

    cluster.at(0, write)
    return cluster


def voters(cluster: Cluster) -> list[int]:
    return list(cluster.bootstrap.voters)


def majority_reaches(cluster: Cluster, index: int) -> None:
    """A leader and most voters have applied that far."""
    needed = len(voters(cluster)) // 2 + 1

    def reached() -> bool:
        applied = cluster.applied()
        return (
            cluster.leader() is not None and sum(applied.get(voter, 0) >= index for voter in voters(cluster)) >= needed
        )

    cluster.run_until(reached)


def everyone_reaches(cluster: Cluster, index: int) -> None:
    cluster.run_until(lambda: min(cluster.applied().values()) >= index)


def highest(cluster: Cluster) -> int:
    return len(cluster.observer.history)


def leader_of(cluster: Cluster) -> int:
    leader = cluster.leader()
    assert leader is not None
    return leader


@pytest.mark.parametrize("seed", SEEDS)
def test_an_initial_leader_is_elected(seed: int) -> None:
    cluster = cluster_for(seed, 1, 5)
    cluster.run_until(lambda: cluster.leader() is not None)
    everyone_reaches(cluster, 10)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_new_leader_is_elected_after_the_old_one_failed(seed: int) -> None:
    cluster = cluster_for(seed, 3, 5)
    everyone_reaches(cluster, 10)
    old = leader_of(cluster)
    reached = highest(cluster)
    cluster.crash(old)
    majority_reaches(cluster, reached + 10)
    assert leader_of(cluster) != old


@pytest.mark.parametrize("seed", SEEDS)
def test_all_nodes_may_be_killed(seed: int) -> None:
    cluster = cluster_for(seed, 1, 5)
    everyone_reaches(cluster, 10)
    reached = highest(cluster)
    for node_id in cluster.nodes:
        cluster.crash(node_id)
    order = list(cluster.nodes)
    cluster.random.shuffle(order)
    for node_id in order:
        cluster.start(node_id)
        cluster.run(cluster.random.uniform(0, 50))
    everyone_reaches(cluster, reached + 10)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_leader_that_is_cut_off_is_replaced_and_follows_when_it_returns(seed: int) -> None:
    cluster = cluster_for(seed, 3, 5)
    everyone_reaches(cluster, 10)
    old, reached = leader_of(cluster), highest(cluster)
    cluster.isolate(old)
    majority_reaches(cluster, reached + 10)
    assert leader_of(cluster) != old
    cluster.heal()
    everyone_reaches(cluster, reached + 20)


@pytest.mark.parametrize("seed", SEEDS)
def test_progress_while_a_majority_is_reachable(seed: int) -> None:
    cluster = cluster_for(seed, 1, 5)
    everyone_reaches(cluster, 10)
    ids = voters(cluster)
    for _ in range(3):
        reached = highest(cluster)
        minority = cluster.random.sample(ids, (len(ids) - 1) // 2)
        cluster.isolate(*minority)
        majority_reaches(cluster, reached + 10)
        cluster.heal()
    everyone_reaches(cluster, highest(cluster) + 10)


@pytest.mark.parametrize("seed", SEEDS)
def test_progress_after_leaders_fail_back_to_back(seed: int) -> None:
    cluster = cluster_for(seed, 3, 5)
    everyone_reaches(cluster, 5)
    for _ in range(5):
        failed, reached = leader_of(cluster), highest(cluster)
        cluster.crash(failed)
        majority_reaches(cluster, reached + 3)
        cluster.start(failed)
    everyone_reaches(cluster, highest(cluster) + 10)


@pytest.mark.parametrize("same_directory", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_one_node_may_lose_its_data(seed: int, same_directory: bool) -> None:
    """As a learner's disk or with a new directory id it is as safe as any crash. Under its old id (Kafka's
    case) it could vote twice; it is safe here because the others are not in an election."""
    cluster = cluster_for(seed, 3, 5)
    everyone_reaches(cluster, 10)
    leader, reached = leader_of(cluster), highest(cluster)
    victim = cluster.random.choice([node_id for node_id in cluster.nodes if node_id != leader])
    directory_id = cluster.nodes[victim].directory_id
    cluster.replace_disk(victim, directory_id if same_directory else b"replaced".ljust(16))
    cluster.start(victim)
    everyone_reaches(cluster, reached + 10)
    assert leader_of(cluster) == leader
