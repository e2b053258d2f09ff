"""What simulated clusters found, told once more on purpose: each was a seed that did not come to its end."""

from __future__ import annotations

import errno
import logging
from random import Random

from protocol.errors import ErrorCode
from simulation.broker_machine import BrokerMachine
from simulation.clients import IdempotentProducer, Surroundings, admin_create_topic
from simulation.cluster import SimulatedCluster
from simulation.history import History
from simulation.internal_errors import InternalErrors
from simulation.world import World
from wal import StorageError

TOPIC = "orders"


def cluster_with_topic(settings: dict[str, str] | None = None) -> SimulatedCluster:
    world = World(seed=1)
    cluster = SimulatedCluster(world, settings=settings)
    cluster.start()
    world.run_until(cluster.is_ready, within_s=10)
    create_topic(cluster, TOPIC)
    world.run_for(1)
    assert cluster.is_quiet()
    return cluster


def create_topic(cluster: SimulatedCluster, name: str, *, at: int = 1) -> None:
    """`at` which broker."""
    world = cluster.world
    client = world.machine(f"client-{name}").start_process()
    created = client.spawn(admin_create_topic(cluster.bootstrap[at - 1], name, 1, 3))
    world.run_until(created.done, within_s=10)
    assert created.result() is ErrorCode.NONE


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


def test_a_node_that_cannot_write_its_metadata_leads_nothing_from_then_on() -> None:
    """It asked to be let go for five seconds, with the image it had: meanwhile others led, and took commits of offsets
    for groups whose coordinator it still believed to be."""
    cluster = cluster_with_topic()
    world, leader = cluster.world, leader_of(cluster)
    leader.machine.disk.fail("datasync", errno.EIO, path_part="metadata", times=-1)
    create_topic(cluster, "another", at=2 if leader.node_id == 1 else 1)
    world.run_until(lambda: leader.node is not None and leader.node.failure, within_s=10)
    assert leader.is_running
    assert not leader.leads(TOPIC, 0)
    world.close()


def test_a_broker_that_has_just_begun_is_not_cut_off() -> None:
    """Its clock stood at an hour, and no controller had answered since midnight: it stood down, until one did."""
    cluster = cluster_with_topic()
    world, warnings = cluster.world, list[str]()
    with InternalErrors(world, level=logging.WARNING) as log:
        log.echo = warnings.append
        for broker in cluster.brokers.values():
            broker.kill()
            broker.start()
        world.run_until_seen(cluster.is_ready, within_s=10, what="they are back")
    assert not [warning for warning in warnings if "no controller has answered" in warning]
    world.close()


def test_an_answer_of_before_a_replica_was_moved_away_is_not_for_the_one_that_came_back() -> None:
    """What the leader had sent to the replica that was removed went to the empty log of the new one: the records before
    it were never there, and the follower was in sync."""
    cluster = cluster_with_topic()
    world, leader = cluster.world, leader_of(cluster)
    follower = next(broker for broker in cluster.brokers.values() if broker is not leader)
    assert follower.process is not None
    around = Surroundings(cluster.bootstrap, History(lambda: world.now_s), Random(1))
    producer = IdempotentProducer("p", around, [(TOPIC, 0)], pause_s=0.005)
    work = world.machine("producer").start_process().spawn(producer.run())
    world.network.slowness = 20
    for _ in range(30):
        world.run_for(0.1)
        offsets = [record.offset for record in follower.records(TOPIC, 0)]
        assert offsets == list(range(len(offsets)))
        follower.process.loop.call_soon(move_away_and_back, follower)
    producer.stop()
    world.network.slowness = 1
    world.run_until(work.done, within_s=30)
    world.run_until_seen(cluster.is_quiet, within_s=30, what="the replicas agree")
    assert follower.records(TOPIC, 0) == leader.records(TOPIC, 0)
    world.close()


def move_away_and_back(follower: BrokerMachine) -> None:
    """As two changes of the metadata that come one behind the other."""
    table, topic = follower.table, follower.image.topics_by_name[TOPIC]
    assert table is not None
    partition = table.find(TOPIC, 0)
    assert partition is not None
    table._remove_replica(partition)
    table._apply(topic, topic.partitions[0])


def test_a_node_that_cannot_write_ends_though_the_others_are_away() -> None:
    """It knew of nobody who could take over, stayed, and did not see the others come back: what it knows of them is in
    the log that it cannot write. The partitions of which it alone was in sync waited for it for ever."""
    cluster = cluster_with_topic()
    world, (lonely, stopping, killed) = cluster.world, cluster.brokers.values()
    killed.kill()
    world.run_until(lambda: lonely.image.brokers[killed.node_id].fenced, within_s=20)
    stopping.ask_to_stop()
    world.run_until(lambda: not lonely.image.brokers[stopping.node_id].is_active, within_s=20)
    assert lonely.process is not None and lonely.node is not None
    lonely.process.loop.call_soon(lonely.node._storage_failed, StorageError("no space"))
    world.run_until(lambda: not lonely.is_running, within_s=5, what="it ends")
    assert "no space" in lonely.failure
    world.close()
