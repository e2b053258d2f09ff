"""A leader that dies, stops or restarts under acks=all costs clients a retry: nothing is lost or doubled."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from faults_harness.cluster_scenario import PROGRESS_TIMEOUT_S, loaded
from harness.cluster_process import ClusterProcess
from harness.cluster_waits import leaders, wait_until_all_in_sync

SESSION_S = 2.0


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[ClusterProcess]:
    with ClusterProcess(tmp_path, settings={"log.segment.bytes": "1048576"}) as running:
        yield running


def test_nothing_acknowledged_is_lost_when_each_node_is_killed_in_turn(cluster: ClusterProcess) -> None:
    with loaded(cluster.bootstrap) as load:
        for node in cluster.nodes.values():
            node.kill()
            load.progress()
            node.start()
            load.progress()
            wait_until_all_in_sync(cluster, load.topic)


def test_nothing_acknowledged_is_lost_when_a_leader_is_paused_for_longer_than_its_session(
    cluster: ClusterProcess,
) -> None:
    with loaded(cluster.bootstrap) as load:
        victim = leaders(cluster, load.topic)[0][0]
        with cluster.paused(victim):
            deadline = time.monotonic() + PROGRESS_TIMEOUT_S
            while victim in {leader for leader, _ in others_leaders(cluster, load.topic, victim).values()}:
                assert time.monotonic() < deadline, f"{victim} still leads"
            load.progress(while_a_node_is_silent=True)
        load.progress()
        wait_until_all_in_sync(cluster, load.topic)


def others_leaders(cluster: ClusterProcess, topic: str, paused: int) -> dict[int, tuple[int, set[int]]]:
    """As a node that is not paused knows them."""
    port = next(port for node_id, port in cluster.client_ports.items() if node_id != paused)
    client = AdminClient({"bootstrap.servers": f"127.0.0.1:{port}", "log_level": 0})
    partitions = client.list_topics(topic, timeout=PROGRESS_TIMEOUT_S).topics[topic].partitions
    return {index: (partition.leader, set(partition.isrs)) for index, partition in partitions.items()}


def test_a_rolling_restart_loses_nothing(cluster: ClusterProcess) -> None:
    with loaded(cluster.bootstrap) as load:
        for node in cluster.nodes.values():
            node.restart()
            wait_until_all_in_sync(cluster, load.topic)
            load.progress()
