"""A cluster that grows and shrinks: a fourth node joins, takes partitions and a vote, gives them back and goes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.broker_process import BrokerProcess
from harness.cluster_process import ClusterProcess
from harness.ports import free_ports

from broker.cli.connection import Connection
from protocol import ErrorCode
from protocol.messages import quorum, raft_voters, reassignments
from protocol.messages.controller import UnregisterBrokerRequest, UnregisterBrokerResponse
from protocol.messages.create_topics import CreatableTopic, CreateTopicsRequest, CreateTopicsResponse
from protocol.messages.describe_cluster import DescribeClusterRequest, DescribeClusterResponse
from protocol.messages.elect_leaders import ElectLeadersRequest, ElectLeadersResponse, TopicPartitions
from protocol.messages.metadata import MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseTopic

PATIENCE_S = 60.0
TOPIC = "orders"
FOURTH = 4


class Growing:
    def __init__(self, cluster: ClusterProcess) -> None:
        self.cluster = cluster
        self.client_port, self.controller_port = free_ports(2)

    def fourth(self, **settings: str) -> BrokerProcess:
        named = {key.replace("_", "."): value for key, value in settings.items()}
        directory = self.cluster.directory / "node-4"
        return BrokerProcess(
            directory, {"node.id": "4", "controller.listener.names": "CONTROLLER", **named}, port=self.client_port
        )

    @property
    def voters(self) -> str:
        return ",".join(f"{node_id}@127.0.0.1:{port}" for node_id, port in self.cluster.controller_ports.items())

    @property
    def controllers(self) -> str:
        return ",".join(f"127.0.0.1:{port}" for port in self.cluster.controller_ports.values())

    def connect(self, node_id: int) -> Connection:
        port = self.client_port if node_id == FOURTH else self.cluster.client_ports[node_id]
        return Connection("127.0.0.1", port, timeout_s=PATIENCE_S)

    def create(self, partitions: int) -> None:
        topic = CreatableTopic(name=TOPIC, num_partitions=partitions, replication_factor=3)
        request = CreateTopicsRequest(topics=[topic], timeout_ms=30_000)
        assert self.connect(1).send(request, CreateTopicsResponse).topics[0].error_code == ErrorCode.NONE

    def describe(self, asked: int) -> MetadataResponseTopic:
        request = MetadataRequest(topics=[MetadataRequestTopic(name=TOPIC)])
        return self.connect(asked).send(request, MetadataResponse).topics[0]

    def replicas(self, asked: int) -> dict[int, list[int]]:
        return {p.partition_index: p.replica_nodes for p in self.describe(asked).partitions}

    def wait_for_replicas(self, asked: int, expected: dict[int, list[int]]) -> None:
        """A node that was not the one asked for the change hears of it a moment later. The order counts."""
        deadline = time.monotonic() + PATIENCE_S
        while (replicas := self.replicas(asked)) != expected:
            assert time.monotonic() < deadline, f"node {asked} still has {replicas}, not {expected}"

    def reassign(self, asked: int, targets: dict[int, list[int] | None]) -> list[ErrorCode]:
        wishes = [
            reassignments.ReassignablePartition(partition_index=index, replicas=target)
            for index, target in targets.items()
        ]
        request = reassignments.AlterPartitionReassignmentsRequest(
            topics=[reassignments.ReassignableTopic(name=TOPIC, partitions=wishes)]
        )
        answer = self.connect(asked).send(request, reassignments.AlterPartitionReassignmentsResponse)
        return [ErrorCode(partition.error_code) for partition in answer.responses[0].partitions]

    def wait_until_settled(self, asked: int) -> None:
        connection = self.connect(asked)
        deadline = time.monotonic() + PATIENCE_S
        request = reassignments.ListPartitionReassignmentsRequest(topics=None)
        while moving := connection.send(request, reassignments.ListPartitionReassignmentsResponse).topics:
            assert time.monotonic() < deadline, moving

    def quorum(self, asked: int) -> quorum.DescribeQuorumResponsePartitionData:
        partition = quorum.DescribeQuorumRequestPartitionData(partition_index=0)
        topic = quorum.DescribeQuorumRequestTopicData(topic_name="__cluster_metadata", partitions=[partition])
        answer = self.connect(asked).send(quorum.DescribeQuorumRequest(topics=[topic]), quorum.DescribeQuorumResponse)
        return answer.topics[0].partitions[0]


@pytest.fixture
def growing(tmp_path: Path) -> Iterator[Growing]:
    with ClusterProcess(tmp_path) as running:
        yield Growing(running)


def voters_of(described: quorum.DescribeQuorumResponsePartitionData) -> list[int]:
    return [replica.replica_id for replica in described.current_voters]


def observers_of(described: quorum.DescribeQuorumResponsePartitionData) -> list[int]:
    return [replica.replica_id for replica in described.observers]


def test_a_broker_without_a_vote_takes_partitions_over_and_gives_them_back(growing: Growing) -> None:
    growing.create(2)
    with growing.fourth(process_roles="broker", controller_quorum_voters=growing.voters):
        described = growing.quorum(FOURTH)
        assert (voters_of(described), observers_of(described)) == ([1, 2, 3], [FOURTH])
        assert growing.reassign(FOURTH, {0: [4, 1, 2], 1: [4]}) == [ErrorCode.NONE] * 2
        growing.wait_until_settled(FOURTH)
        assert growing.replicas(FOURTH) == {0: [4, 1, 2], 1: [4]}
        growing.wait_for_replicas(1, {0: [4, 1, 2], 1: [4]})

        election = ElectLeadersRequest(topic_partitions=[TopicPartitions(topic=TOPIC, partitions=[0])])
        growing.connect(2).send(election, ElectLeadersResponse)
        assert [p.leader_id for p in sorted(growing.describe(2).partitions, key=lambda p: p.partition_index)] == [4, 4]

        assert growing.reassign(1, {0: [1, 2, 3], 1: [1, 2, 3]}) == [ErrorCode.NONE] * 2
        growing.wait_until_settled(1)
        growing.wait_for_replicas(2, {0: [1, 2, 3], 1: [1, 2, 3]})
    unregistered = growing.connect(3).send(UnregisterBrokerRequest(broker_id=FOURTH), UnregisterBrokerResponse)
    assert unregistered.error_code == ErrorCode.NONE
    left = growing.connect(3).send(DescribeClusterRequest(include_fenced_brokers=True), DescribeClusterResponse)
    assert sorted(broker.broker_id for broker in left.brokers) == [1, 2, 3]


def test_a_reassignment_to_a_broker_that_is_away_is_cancelled(growing: Growing) -> None:
    growing.create(1)
    before = growing.replicas(1)[0]
    fourth = growing.fourth(process_roles="broker", controller_quorum_voters=growing.voters)
    with fourth:
        pass
    assert growing.reassign(1, {0: [4, *before[1:]]}) == [ErrorCode.NONE]
    assert sorted(growing.replicas(1)[0]) == [1, 2, 3, 4]
    assert growing.reassign(2, {0: None}) == [ErrorCode.NONE]
    growing.wait_for_replicas(1, {0: [*before[1:], before[0]]})
    assert growing.reassign(2, {0: None}) == [ErrorCode.NO_REASSIGNMENT_IN_PROGRESS]


def test_a_controller_that_joins_is_given_a_vote_and_loses_it_again(growing: Growing) -> None:
    listeners = f"PLAINTEXT://127.0.0.1:{growing.client_port},CONTROLLER://127.0.0.1:{growing.controller_port}"
    with growing.fourth(
        process_roles="broker,controller", controller_quorum_bootstrap_servers=growing.controllers, listeners=listeners
    ):
        (observer,) = growing.quorum(1).observers
        directory_id = observer.replica_directory_id
        assert observer.replica_id == FOURTH
        add = raft_voters.AddRaftVoterRequest(
            cluster_id=None,
            timeout_ms=30_000,
            voter_id=FOURTH,
            voter_directory_id=directory_id,
            listeners=[raft_voters.Listener(name="CONTROLLER", host="127.0.0.1", port=growing.controller_port)],
        )
        connection = growing.connect(2)
        assert connection.send(add, raft_voters.AddRaftVoterResponse).error_code == ErrorCode.NONE
        assert connection.send(add, raft_voters.AddRaftVoterResponse).error_code == ErrorCode.DUPLICATE_VOTER
        assert voters_of(growing.quorum(FOURTH)) == [1, 2, 3, 4]

        remove = raft_voters.RemoveRaftVoterRequest(cluster_id=None, voter_id=FOURTH, voter_directory_id=directory_id)
        connection = growing.connect(FOURTH)
        assert connection.send(remove, raft_voters.RemoveRaftVoterResponse).error_code == ErrorCode.NONE
        assert connection.send(remove, raft_voters.RemoveRaftVoterResponse).error_code == ErrorCode.VOTER_NOT_FOUND
        described = growing.quorum(1)
        assert (voters_of(described), observers_of(described)) == ([1, 2, 3], [FOURTH])
