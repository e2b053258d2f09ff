"""What simulated clusters found, told once more on purpose: each was a seed that did not come to its end."""

from __future__ import annotations

from protocol.errors import ErrorCode
from simulation.broker_machine import BrokerMachine
from simulation.clients import admin_create_topic
from simulation.cluster import SimulatedCluster
from simulation.world import World

TOPIC = "orders"


def cluster_with_topic(settings: dict[str, str] | None = None) -> SimulatedCluster:
    world = World(seed=1)
    cluster = SimulatedCluster(world, settings=settings)
    cluster.start()
    world.run_until(cluster.is_ready, within_s=10)
    client = world.machine("client").start_process()
    created = client.spawn(admin_create_topic(cluster.bootstrap[0], TOPIC, 1, 3))
    world.run_until(created.done, within_s=10)
    assert created.result() is ErrorCode.NONE
    world.run_for(1)
    assert cluster.is_quiet()
    return cluster


def leader_of(cluster: SimulatedCluster) -> BrokerMachine:
    [leader] = [broker for broker in cluster.brokers.values() if broker.leads(TOPIC, 0)]
    return leader


def test_a_leader_that_led_on_after_a_moment_counts_its_followers_again() -> None:
    """A broker that hears of no controller stands down, and up again in the same epoch. Its followers had said what
    they have to the role before; of an idle partition they said no more, and stayed out of the in-sync set."""
    cluster = cluster_with_topic({"replica.lag.time.max.ms": "1000"})
    leader = leader_of(cluster)
    assert leader.process is not None and leader.table is not None
    leader.process.loop.call_soon(leader.table.stand_down)
    leader.process.loop.call_soon(leader.table.stand_up)
    cluster.world.run_for(5)
    assert cluster.is_healed()
    cluster.world.close()


def test_a_node_whose_disk_is_full_when_it_starts_ends() -> None:
    """Its metadata log failed a moment after it had opened it, and the node waited to become a member, for ever."""
    cluster = cluster_with_topic()
    world, broker = cluster.world, cluster.brokers[1]
    broker.kill()
    broker.machine.capacity_bytes = broker.machine.disk.names.used_bytes()
    broker.start()
    world.run_until(lambda: not broker.is_running, within_s=10)
    assert "No space left on device" in broker.failure
    broker.machine.capacity_bytes = None
    broker.start()
    world.run_until_seen(cluster.is_quiet, within_s=10, what="it is back")
    world.close()
