"""One seed of a whole cluster: brokers start, clients work, faults befall them, all is healed, and what was promised is
checked.

    outcome = run_cluster_seed(7)         # raises AssertionError; its text says how to see it again
"""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass

from simulation.checker import Checker
from simulation.cluster import SimulatedCluster
from simulation.faults import Faults
from simulation.history import History
from simulation.internal_errors import InternalErrors
from simulation.workload import start_clients
from simulation.world import World

FAULTS_MAX = 8
READY_WITHIN_S = 30.0
HEALED_WITHIN_S = 60.0
CLIENTS_DONE_WITHIN_S = 150.0


@dataclass(frozen=True, slots=True)
class Outcome:
    faults: int
    trace: int
    events: int
    virtual_s: float
    summary: str


class Scenario:
    def __init__(self, seed: int, *, faults_max: int = FAULTS_MAX, kinds: tuple[str, ...] | None = None) -> None:
        self.seed = seed
        self.world = World(seed)
        self.rng = random.Random(self.world.rng.getrandbits(64))
        self.settings = self._settings()
        self.cluster = SimulatedCluster(self.world, settings=self.settings)
        self.faults = Faults(self.cluster, random.Random(self.rng.getrandbits(64)), kinds)
        self.faults_count = self.rng.randint(1, faults_max)
        self.history = History(lambda: self.world.now_s)
        self.checker = Checker(self.cluster, self.history)
        self.internal_errors = InternalErrors(self.world)

    def _settings(self) -> dict[str, str]:
        rng = self.rng
        session_ms = rng.choice((800, 2000))
        return {
            "min.insync.replicas": rng.choice(("1", "2", "2")),
            "broker.session.timeout.ms": str(session_ms),
            "broker.heartbeat.interval.ms": str(session_ms // 4),
            "replica.lag.time.max.ms": rng.choice(("1000", "3000", "30000")),
            "controller.quorum.election.timeout.ms": rng.choice(("400", "1000")),
            "log.roll.ms": rng.choice(("1000", "5000")),
            "leader.imbalance.check.interval.seconds": rng.choice(("2", "300")),
        }

    def run(self) -> Outcome:
        try:
            with self.internal_errors:
                self._run()
        except (AssertionError, ExceptionGroup) as error:
            raise AssertionError(self._story(_first(error))) from error
        finally:
            outcome = Outcome(
                self.faults_count, self.world.trace, self.world.events, self.world.now_s, self.history.summary()
            )
            self.world.close()
        return outcome

    def _run(self) -> None:
        world, cluster = self.world, self.cluster
        cluster.start()
        self.checker.watch()
        world.run_until(cluster.is_ready, within_s=READY_WITHIN_S, what="the cluster begins")
        clients = start_clients(cluster, self.history, self.rng)
        for _ in range(self.faults_count):
            world.run_for(self.rng.expovariate(1 / 0.7))
            self.faults.begin_one()
        world.run_for(self.rng.uniform(0.1, 3))
        self.faults.heal()
        world.run_until_seen(cluster.is_healed, within_s=HEALED_WITHIN_S, what="the cluster heals")
        clients.stop()
        world.run_until(lambda: clients.are_done, within_s=CLIENTS_DONE_WITHIN_S, what="all clients are served")
        world.run_until_seen(cluster.is_quiet, within_s=HEALED_WITHIN_S, what="the replicas agree")
        self.checker.check_end()
        assert not world.faults, f"no internal error: {world.faults[0]}"

    def _story(self, error: BaseException) -> str:
        settings = ", ".join(f"{key}={value}" for key, value in self.settings.items())
        states = "\n  ".join(broker.state() for broker in self.cluster.brokers.values())
        story = "\n  ".join(self.faults.story)
        internal = "\n  ".join(self.world.faults)
        return (
            f"{error}\n\nseed {self.seed}, at {self.world.now_s:.3f} s of its world; again: "
            f"scripts/soak_cluster.py --first-seed {self.seed} --seeds 1 --verbose\n"
            f"settings: {settings}\nstory:\n  {story}\nbrokers:\n  {states}\nclients: {self.history.summary()}\n"
            f"internal errors:\n  {internal}"
        )


def _first(error: BaseException) -> BaseException:
    """What a task group of a client's failed with."""
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


def run_cluster_seed(seed: int, *, faults_max: int = FAULTS_MAX, verbose: bool = False) -> Outcome:
    """`verbose` prints the log of the brokers."""
    scenario = Scenario(seed, faults_max=faults_max)
    if verbose:
        scenario.internal_errors.setLevel(logging.INFO)
    return scenario.run()
