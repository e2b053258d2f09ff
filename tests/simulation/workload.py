"""The clients of one scenario: which there are, on which machines, and that all of them come to their end.

clients = start_clients(cluster, history, rng)
...; clients.stop(); world.run_until(lambda: clients.are_done, within_s=150)
"""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING

from protocol.errors import ErrorCode
from simulation.clients import (
    CarelessProducer,
    Client,
    Consumer,
    IdempotentProducer,
    Mover,
    OffsetCommitter,
    OffsetReader,
    Surroundings,
    TopicClient,
    admin_create_topic,
)
from simulation.history import History, Place

if TYPE_CHECKING:
    from simulation.cluster import SimulatedCluster

TOPIC = "orders"
GROUP = "billing"
CHURNED_TOPICS = ("passing-a", "passing-b")
MACHINES = 2
MORTAL_MACHINE = "client-0"
# A mean pause between two bursts: a seed is to be cheap, and a few hundred records show as much as many.
PRODUCER_PAUSE_S = 0.2
CONSUMER_PAUSE_S = 0.15
OFFSETS_PAUSE_S = 0.3


class Workload:
    """`are_done` raises what a client has failed with."""

    def __init__(self, cluster: SimulatedCluster, history: History, rng: Random) -> None:
        self._cluster = cluster
        self._history = history
        self._rng = Random(rng.getrandbits(64))
        # With one broker fewer than there are, replicas can move from one to another.
        self.replication_factor = min(self._rng.choice((3, 3, 2)), len(cluster.brokers))
        self.places: list[Place] = [(TOPIC, index) for index in range(self._rng.choice((1, 1, 2, 3)))]
        self.clients = self._clients()
        self._tasks: list[asyncio.Task[None]] = []
        # One that dies in the middle of its work, whatever that is: nobody may count on what it was not told.
        self._mortal = IdempotentProducer("mortal", self._around(), self.places, pause_s=PRODUCER_PAUSE_S)
        self._dies_after_s = self._rng.uniform(0.2, 5) if self._rng.random() < 0.4 else None

    def _clients(self) -> list[Client]:
        rng, places = self._rng, self.places
        clients: list[Client] = [
            IdempotentProducer(f"p{number}", self._around(), places, pause_s=PRODUCER_PAUSE_S)
            for number in range(1, rng.choice((1, 2)) + 1)
        ]
        if rng.random() < 0.6:
            clients.append(CarelessProducer("careless", self._around(), places, pause_s=PRODUCER_PAUSE_S))
        for number in range(1, rng.choice((1, 2)) + 1):
            place = rng.choice(places)
            clients.append(Consumer(f"c{number}", self._around(), place, pause_s=CONSUMER_PAUSE_S))
        for group_client in (OffsetCommitter, OffsetReader):
            clients.append(
                group_client(group_client.__name__, self._around(), GROUP, places[0], pause_s=OFFSETS_PAUSE_S)
            )
        return clients + self._operators()

    def _operators(self) -> list[Client]:
        rng, operators = self._rng, list[Client]()
        if rng.random() < 0.4:
            operators.append(
                TopicClient("operator", self._around(), CHURNED_TOPICS, replication_factor=self.replication_factor)
            )
        if self.replication_factor == 2 or rng.random() < 0.6:
            operators.append(
                Mover(
                    "mover",
                    self._around(),
                    self.places,
                    node_ids=sorted(self._cluster.brokers),
                    replication_factor=self.replication_factor,
                )
            )
        return operators

    def _around(self) -> Surroundings:
        return Surroundings(self._cluster.bootstrap, self._history, Random(self._rng.getrandbits(64)))

    # --- running -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        processes = [
            self._cluster.world.machine(f"client-{number}").start_process() for number in range(1, MACHINES + 1)
        ]
        for number, client in enumerate(self.clients):
            process = processes[number % MACHINES]
            self._tasks.append(process.spawn(self._run(client), name=client.name))

        if self._dies_after_s is not None:
            world = self._cluster.world
            world.machine(MORTAL_MACHINE).start_process().spawn(self._run(self._mortal), name="mortal")
            world.after(self._dies_after_s, self._kill_mortal)

    def _kill_mortal(self) -> None:
        machine = self._cluster.world.machine(MORTAL_MACHINE)
        if machine.process is not None and not machine.process.is_dead:
            machine.kill()

    async def _run(self, client: Client) -> None:
        await client.persist(f"to create {TOPIC}", lambda: self._create_topic(client))
        await client.run()

    async def _create_topic(self, client: Client) -> str | None:
        error = await admin_create_topic(client.any_address(), TOPIC, len(self.places), self.replication_factor)
        return None if error in (ErrorCode.NONE, ErrorCode.TOPIC_ALREADY_EXISTS) else error.name

    def stop(self) -> None:
        self._kill_mortal()
        for client in self.clients:
            client.stop()

    @property
    def are_done(self) -> bool:
        for task in self._tasks:
            if task.done():
                task.result()
        return all(task.done() for task in self._tasks)

    def unfinished(self) -> list[str]:
        return [task.get_name() for task in self._tasks if not task.done()]


def start_clients(cluster: SimulatedCluster, history: History, rng: Random) -> Workload:
    workload = Workload(cluster, history, rng)
    workload.start()
    return workload
