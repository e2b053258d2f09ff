"""A client that says it is a replica moves nothing: neither the high watermark nor who is in sync (KIP-903)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults_harness.wire import Wire, produce_request
from harness.cluster_process import ClusterProcess
from harness.ports import free_ports
from log_harness.batches import batch

from protocol.errors import ErrorCode
from protocol.messages.create_topics import CreatableReplicaAssignment, CreatableTopic, CreateTopicsRequest
from protocol.messages.fetch import FetchPartition, FetchRequest, FetchResponse, FetchTopic, ReplicaState
from protocol.messages.list_offsets import ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic
from protocol.messages.metadata import MetadataRequest, MetadataRequestTopic
from protocol.messages.offset_for_leader_epoch import (
    OffsetForLeaderEpochRequest,
    OffsetForLeaderPartition,
    OffsetForLeaderTopic,
)

LEADER, FOLLOWER, THIRD = 1, 2, 3
STRANGER = 7
FETCH_VERSION = 18
LATEST = -1
EPOCHS_TRIED = range(60)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoListeners]:
    """Brokers reach each other over a listener of their own."""
    with TwoListeners(tmp_path_factory.mktemp("cluster")) as running:
        yield running


class TwoListeners(ClusterProcess):
    def __init__(self, directory: Path) -> None:
        self.internal_ports = dict(enumerate(free_ports(3), 1))
        # Nobody is fenced while a test has paused it.
        super().__init__(directory, settings={"broker.session.timeout.ms": "60000"})
        for node_id, node in self.nodes.items():
            internal = f"INTERNAL://127.0.0.1:{self.internal_ports[node_id]}"
            node.settings["listeners"] += f",{internal}"
            node.settings["inter.broker.listener.name"] = "INTERNAL"
            node.settings["listener.security.protocol.map"] = (
                "PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT"
            )

    def client(self, node_id: int) -> str:
        return f"127.0.0.1:{self.client_ports[node_id]}"

    def internal(self, node_id: int) -> str:
        return f"127.0.0.1:{self.internal_ports[node_id]}"


def create(cluster: TwoListeners, topic: str) -> bytes:
    assignment = CreatableReplicaAssignment(partition_index=0, broker_ids=[LEADER, FOLLOWER])
    new = CreatableTopic(name=topic, num_partitions=-1, replication_factor=-1, assignments=[assignment])
    with Wire(cluster.client(LEADER)) as wire:
        created = wire.call(CreateTopicsRequest(topics=[new], timeout_ms=30_000), 7).topics[0]
    assert created.error_code == ErrorCode.NONE
    topic_id: bytes = created.topic_id
    return topic_id


def isr(cluster: TwoListeners, topic: str) -> set[int]:
    request = MetadataRequest(topics=[MetadataRequestTopic(name=topic)], allow_auto_topic_creation=False)
    with Wire(cluster.client(LEADER)) as wire:
        return set(wire.call(request, 9).topics[0].partitions[0].isr_nodes)


def fetch_as(replica_id: int, epoch: int, topic_id: bytes, offset: int) -> FetchRequest:
    asked = FetchPartition(partition=0, fetch_offset=offset, last_fetched_epoch=0, partition_max_bytes=1 << 20)
    return FetchRequest(
        replica_state=ReplicaState(replica_id=replica_id, replica_epoch=epoch),
        max_wait_ms=0,
        max_bytes=1 << 20,
        session_epoch=0,
        topics=[FetchTopic(topic_id=topic_id, partitions=[asked])],
    )


def answer_to(address: str, request: FetchRequest) -> FetchResponse:
    with Wire(address) as wire:
        response: FetchResponse = wire.call(request, FETCH_VERSION)
        return response


def test_a_replica_fetch_is_refused_on_the_listener_of_clients(cluster: TwoListeners) -> None:
    """Whatever it says of itself: one of these epochs is the follower's."""
    topic_id = create(cluster, "clients")
    with Wire(cluster.client(LEADER)) as wire:
        refusals = {
            wire.call(fetch_as(FOLLOWER, epoch, topic_id, 0), FETCH_VERSION).error_code for epoch in EPOCHS_TRIED
        }
    assert refusals == {ErrorCode.CLUSTER_AUTHORIZATION_FAILED}


def test_a_fetch_of_no_broker_and_one_of_another_run_of_a_broker_are_refused(cluster: TwoListeners) -> None:
    topic_id = create(cluster, "brokers")
    address = cluster.internal(LEADER)
    assert answer_to(address, fetch_as(STRANGER, -1, topic_id, 0)).error_code == ErrorCode.BROKER_ID_NOT_REGISTERED
    for epoch in (-1, 0, 1 << 40):
        refused = answer_to(address, fetch_as(FOLLOWER, epoch, topic_id, 0))
        assert refused.error_code == ErrorCode.STALE_BROKER_EPOCH
        assert not refused.responses


def test_what_a_forged_follower_acknowledges_is_not_committed(cluster: TwoListeners) -> None:
    """The follower is paused: with its acknowledgement forged, acks=all would be given for one copy."""
    topic_id = create(cluster, "committed")
    with Wire(cluster.client(LEADER)) as wire, cluster.paused(FOLLOWER):
        records: dict[int, bytes | None] = {0: batch(b"x", timestamp=int(time.time() * 1000))}
        request = produce_request("committed", records)
        request.timeout_ms = 500
        sent = wire.send(request, 9)
        for address in (cluster.internal(LEADER), cluster.client(LEADER)):
            for epoch in (-1, 1 << 40):
                answer_to(address, fetch_as(FOLLOWER, epoch, topic_id, 1))
        assert cluster.nodes[LEADER].is_running
        answer = wire.receive(type(request), 9, sent).responses[0].partition_responses[0]
    assert answer.error_code == ErrorCode.REQUEST_TIMED_OUT


def test_a_broker_that_is_no_replica_does_not_become_one_by_fetching(cluster: TwoListeners) -> None:
    topic_id = create(cluster, "assigned")
    with Wire(cluster.internal(LEADER)) as wire:
        answers = [wire.call(fetch_as(THIRD, epoch, topic_id, 0), FETCH_VERSION) for epoch in EPOCHS_TRIED]
    (taken,) = [answer for answer in answers if answer.error_code == ErrorCode.NONE]
    assert taken.responses[0].partitions[0].error_code == ErrorCode.UNKNOWN_LEADER_EPOCH
    assert isr(cluster, "assigned") == {LEADER, FOLLOWER}


def test_offsets_are_listed_to_whoever_calls_himself_a_replica_as_to_a_consumer(cluster: TwoListeners) -> None:
    """Kafka shows a replica the end of the log; here followers do not ask, and nobody else is to know it."""
    create(cluster, "listed")
    with Wire(cluster.client(LEADER)) as wire:
        wire.produce("listed", batch(b"x", timestamp=int(time.time() * 1000)))
        for replica_id in (-1, FOLLOWER, STRANGER):
            asked = ListOffsetsTopic(name="listed", partitions=[ListOffsetsPartition(timestamp=LATEST)])
            listed = wire.call(ListOffsetsRequest(replica_id=replica_id, topics=[asked]), 7).topics[0].partitions[0]
            assert (listed.error_code, listed.offset) == (ErrorCode.NONE, 1)
            epoch = OffsetForLeaderTopic(topic="listed", partitions=[OffsetForLeaderPartition(leader_epoch=0)])
            ended = wire.call(OffsetForLeaderEpochRequest(replica_id=replica_id, topics=[epoch]), 4)
            assert ended.topics[0].partitions[0].end_offset == 1
    assert isr(cluster, "listed") == {LEADER, FOLLOWER}
