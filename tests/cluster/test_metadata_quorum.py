"""Three nodes as processes: one metadata, from any of them, through the loss of any one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.cluster_process import ClusterProcess

from broker.cli.connection import Connection
from protocol import ErrorCode
from protocol.messages.create_topics import CreatableTopic, CreateTopicsRequest, CreateTopicsResponse
from protocol.messages.describe_cluster import DescribeClusterRequest, DescribeClusterResponse
from protocol.messages.init_producer_id import InitProducerIdRequest, InitProducerIdResponse
from protocol.messages.metadata import MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseTopic

# Far above what it takes, for machines that are busy: a failure to come at all is what is looked for.
PATIENCE_S = 60.0


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[ClusterProcess]:
    with ClusterProcess(tmp_path) as running:
        yield running


def connect(cluster: ClusterProcess, node_id: int) -> Connection:
    return Connection("127.0.0.1", cluster.client_ports[node_id], timeout_s=PATIENCE_S)


def create(connection: Connection, name: str, *, replicas: int = 3) -> ErrorCode:
    topic = CreatableTopic(name=name, num_partitions=6, replication_factor=replicas)
    answer = connection.send(CreateTopicsRequest(topics=[topic], timeout_ms=30_000), CreateTopicsResponse)
    return ErrorCode(answer.topics[0].error_code)


def describe(connection: Connection, name: str) -> MetadataResponseTopic:
    request = MetadataRequest(topics=[MetadataRequestTopic(name=name)], allow_auto_topic_creation=False)
    return connection.send(request, MetadataResponse).topics[0]


def controller_of(cluster: ClusterProcess, asked: int) -> int:
    return connect(cluster, asked).send(MetadataRequest(topics=[]), MetadataResponse).controller_id


def wait_until_led_without(connection: Connection, topic: str, gone: int) -> MetadataResponseTopic:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        found = describe(connection, topic)
        if all(partition.leader_id not in (-1, gone) for partition in found.partitions):
            return found
        assert time.monotonic() < deadline, f"node {gone} still leads: {found}"


def test_a_topic_is_created_through_any_node_and_seen_there_at_once(cluster: ClusterProcess) -> None:
    for node_id in cluster.nodes:
        connection = connect(cluster, node_id)
        assert create(connection, f"topic-{node_id}") is ErrorCode.NONE
        partitions = describe(connection, f"topic-{node_id}").partitions
        assert [sorted(partition.isr_nodes) for partition in partitions] == [[1, 2, 3]] * 6
        assert {partition.leader_id for partition in partitions} == {1, 2, 3}
        assert create(connection, f"topic-{node_id}") is ErrorCode.TOPIC_ALREADY_EXISTS


def test_all_nodes_are_of_one_cluster_and_give_away_each_producer_id_once(cluster: ClusterProcess) -> None:
    connections = [connect(cluster, node_id) for node_id in cluster.nodes]
    answers = [connection.send(DescribeClusterRequest(), DescribeClusterResponse) for connection in connections]
    assert len({answer.cluster_id for answer in answers}) == 1
    assert [sorted(broker.broker_id for broker in answer.brokers) for answer in answers] == [[1, 2, 3]] * 3
    producer_ids = [
        connection.send(InitProducerIdRequest(transactional_id=None), InitProducerIdResponse).producer_id
        for connection in connections
        for _ in range(5)
    ]
    assert len(set(producer_ids)) == 15


@pytest.mark.parametrize("is_controller", [True, False], ids=["controller", "another broker"])
def test_a_killed_nodes_partitions_are_led_by_others_and_it_comes_back(
    cluster: ClusterProcess, is_controller: bool
) -> None:
    controller = controller_of(cluster, 1)
    victim = controller if is_controller else next(n for n in cluster.nodes if n != controller)
    witness = connect(cluster, next(n for n in cluster.nodes if n not in (controller, victim)))
    assert create(witness, "orders") is ErrorCode.NONE

    cluster.nodes[victim].kill()

    found = wait_until_led_without(witness, "orders", victim)
    assert all(victim not in partition.isr_nodes for partition in found.partitions)
    assert create(witness, "while-away", replicas=2) is ErrorCode.NONE
    cluster.nodes[victim].start()
    assert describe(connect(cluster, victim), "while-away").error_code == ErrorCode.NONE


def test_a_paused_node_loses_its_leadership_and_is_let_back_in(cluster: ClusterProcess) -> None:
    controller = controller_of(cluster, 1)
    witness = connect(cluster, next(n for n in cluster.nodes if n != controller))
    assert create(witness, "orders") is ErrorCode.NONE
    with cluster.paused(controller):
        wait_until_led_without(witness, "orders", controller)
        assert create(witness, "while-paused", replicas=2) is ErrorCode.NONE
    back = connect(cluster, controller)
    assert create(back, "afterwards", replicas=2) is ErrorCode.NONE


def test_a_node_that_stops_hands_over_what_it_leads_first(cluster: ClusterProcess) -> None:
    controller = controller_of(cluster, 1)
    witness = connect(cluster, next(n for n in cluster.nodes if n != controller))
    assert create(witness, "orders") is ErrorCode.NONE
    assert cluster.nodes[controller].stop() == 0
    found = describe(witness, "orders")
    assert all(partition.leader_id not in (-1, controller) for partition in found.partitions)


def test_everything_is_there_after_all_nodes_were_killed_at_once(cluster: ClusterProcess) -> None:
    names = [f"topic-{i}" for i in range(20)]
    assert [create(connect(cluster, 1 + i % 3), name) for i, name in enumerate(names)] == [ErrorCode.NONE] * 20
    for node in cluster.nodes.values():
        node.kill()
    cluster.start()
    assert [describe(connect(cluster, 2), name).error_code for name in names] == [ErrorCode.NONE] * 20
