"""What clients see of replicas on the wire: who leads, what followers serve, how many must have a record."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from faults_harness.cluster_scenario import PROGRESS_TIMEOUT_S, create_topic
from faults_harness.wire import Wire, produce_request
from harness.cluster_process import ClusterProcess
from harness.confluent import deliver, producer
from log_harness.batches import batch, records_of

from protocol.errors import ErrorCode
from protocol.messages.delete_records import DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic
from protocol.messages.fetch import FetchPartition, FetchRequest, FetchResponse, FetchTopic
from protocol.messages.list_offsets import ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic
from protocol.messages.produce import PartitionProduceResponse, ProduceResponse

RACK_AWARE = "org.apache.kafka.common.replica.RackAwareReplicaSelector"
LATEST = -1


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterProcess]:
    running = ClusterProcess(tmp_path_factory.mktemp("cluster"), settings={"replica.selector.class": RACK_AWARE})
    for node_id, node in running.nodes.items():
        node.settings["broker.rack"] = f"rack-{node_id}"
    with running:
        yield running


def leader_and_isr(cluster: ClusterProcess, topic: str) -> tuple[int, set[int]]:
    client = AdminClient({"bootstrap.servers": cluster.bootstrap, "log_level": 0})
    partition = client.list_topics(topic, timeout=PROGRESS_TIMEOUT_S).topics[topic].partitions[0]
    return partition.leader, set(partition.isrs)


def wait_until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PROGRESS_TIMEOUT_S
    while not holds():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.05)  # between two looks at other processes


def produce(wire: Wire, topic: str, value: bytes, *, acks: int = -1, version: int = 12) -> ProduceResponse:
    data = batch(value, timestamp=int(time.time() * 1000))
    response: ProduceResponse = wire.call(produce_request(topic, {0: data}, acks=acks, version=version), version)
    return response


def answer_of(response: ProduceResponse) -> PartitionProduceResponse:
    return response.responses[0].partition_responses[0]


def wire_to(cluster: ClusterProcess, node_id: int) -> Wire:
    return Wire(cluster.nodes[node_id].bootstrap)


def test_a_follower_tells_a_producer_who_leads_and_where_that_is(cluster: ClusterProcess) -> None:
    """KIP-951: no metadata request is needed to go on."""
    create_topic(cluster.bootstrap, "led", 1, partitions=1)
    leader, _ = leader_and_isr(cluster, "led")
    with wire_to(cluster, leader % 3 + 1) as wire:
        response = produce(wire, "led", b"x")

    answer = answer_of(response)
    assert answer.error_code == ErrorCode.NOT_LEADER_OR_FOLLOWER
    assert answer.current_leader.leader_id == leader
    assert [(e.node_id, e.port, e.rack) for e in response.node_endpoints] == [
        (leader, cluster.client_ports[leader], f"rack-{leader}")
    ]


def test_a_follower_serves_consumers_what_is_committed(cluster: ClusterProcess) -> None:
    """KIP-392: from Fetch v11 on; an older client is sent away, and offsets are the leader's to list."""
    create_topic(cluster.bootstrap, "read", 1, partitions=1)
    leader, _ = leader_and_isr(cluster, "read")
    follower = leader % 3 + 1
    with wire_to(cluster, leader) as wire:
        assert answer_of(produce(wire, "read", b"committed")).error_code == ErrorCode.NONE

    with wire_to(cluster, follower) as wire:
        wait_until(lambda: bool(wire.fetch("read", 0).records), "the follower knows that it is committed")
        assert [record.value for record in records_of(wire.fetch("read", 0).records)] == [b"committed"]
        assert wire.fetch("read", 0, version=10).error_code == ErrorCode.NOT_LEADER_OR_FOLLOWER
        asked = ListOffsetsTopic(name="read", partitions=[ListOffsetsPartition(partition_index=0, timestamp=LATEST)])
        listed = wire.call(ListOffsetsRequest(replica_id=-1, topics=[asked]), 7)
        assert listed.topics[0].partitions[0].error_code == ErrorCode.NOT_LEADER_OR_FOLLOWER


def test_a_consumer_is_sent_to_the_replica_in_its_rack(cluster: ClusterProcess) -> None:
    create_topic(cluster.bootstrap, "near", 1, partitions=1)
    leader, _ = leader_and_isr(cluster, "near")
    near = leader % 3 + 1
    with wire_to(cluster, leader) as wire:
        produce(wire, "near", b"x")

        def preferred(rack: str) -> int:
            asked = FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=1 << 20)
            request = FetchRequest(
                max_wait_ms=0, session_epoch=-1, rack_id=rack, topics=[FetchTopic(topic="near", partitions=[asked])]
            )
            response: FetchResponse = wire.call(request, 12)
            return response.responses[0].partitions[0].preferred_read_replica

        wait_until(lambda: preferred(f"rack-{near}") == near, "the follower in the rack is preferred")
        assert preferred(f"rack-{leader}") == -1
        assert preferred("nowhere") == -1


def test_deleted_records_are_gone_from_every_replica(cluster: ClusterProcess) -> None:
    create_topic(cluster.bootstrap, "trimmed", 1, partitions=1)
    leader, _ = leader_and_isr(cluster, "trimmed")
    with wire_to(cluster, leader) as wire:
        for _ in range(5):
            produce(wire, "trimmed", b"x")
        asked = DeleteRecordsTopic(name="trimmed", partitions=[DeleteRecordsPartition(partition_index=0, offset=3)])
        deleted = wire.call(DeleteRecordsRequest(topics=[asked], timeout_ms=20_000), 2)
        assert (deleted.topics[0].partitions[0].error_code, deleted.topics[0].partitions[0].low_watermark) == (0, 3)
    for node_id in cluster.nodes:
        with wire_to(cluster, node_id) as wire:
            assert wire.fetch("trimmed", 3).log_start_offset == 3
            assert wire.fetch("trimmed", 2).error_code == ErrorCode.OFFSET_OUT_OF_RANGE


def test_acks_all_is_refused_while_too_few_replicas_are_in_sync(cluster: ClusterProcess) -> None:
    """Before the append NOT_ENOUGH_REPLICAS; acks=1 goes on, and acks=all when the replica is back."""
    create_topic(cluster.bootstrap, "safe", 3, partitions=1)
    leader, _ = leader_and_isr(cluster, "safe")
    lost = leader % 3 + 1
    cluster.nodes[lost].kill()
    try:
        wait_until(lambda: leader_and_isr(cluster, "safe")[1] == set(cluster.nodes) - {lost}, "it is out of sync")
        with wire_to(cluster, leader) as wire:
            wait_until(
                lambda: answer_of(produce(wire, "safe", b"x")).error_code == ErrorCode.NOT_ENOUGH_REPLICAS, "refused"
            )
            assert answer_of(produce(wire, "safe", b"x", acks=1)).error_code == ErrorCode.NONE
    finally:
        cluster.nodes[lost].start()
    wait_until(lambda: leader_and_isr(cluster, "safe")[1] == set(cluster.nodes), "it is in sync again")
    leader, _ = leader_and_isr(cluster, "safe")
    with wire_to(cluster, leader) as wire:
        wait_until(lambda: answer_of(produce(wire, "safe", b"x")).error_code == ErrorCode.NONE, "acks=all is given")


def test_who_waits_when_too_few_replicas_are_left_hears_that_it_was_appended(cluster: ClusterProcess) -> None:
    create_topic(cluster.bootstrap, "late", 3, partitions=1)
    leader, _ = leader_and_isr(cluster, "late")
    with wire_to(cluster, leader) as wire:
        assert answer_of(produce(wire, "late", b"first")).error_code == ErrorCode.NONE
        with cluster.paused(leader % 3 + 1):
            answer = answer_of(produce(wire, "late", b"x"))
    assert answer.error_code == ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND
    wait_until(lambda: leader_and_isr(cluster, "late")[1] == set(cluster.nodes), "it is in sync again")


def test_a_node_with_a_replaced_disk_is_filled_again(cluster: ClusterProcess, tmp_path: Path) -> None:
    create_topic(cluster.bootstrap, "refilled", 2, partitions=1)
    reports = deliver(
        producer(cluster.bootstrap, acks="all"), "refilled", [{"value": b"%d" % number} for number in range(500)]
    )
    assert len(reports) == 500
    leader, _ = leader_and_isr(cluster, "refilled")
    node = cluster.nodes[leader % 3 + 1]
    node.kill()
    node.data_directory.rename(tmp_path / "the old disk")
    node.start()
    wait_until(lambda: leader_and_isr(cluster, "refilled")[1] == set(cluster.nodes), "it is in sync again")
    values: list[bytes | None] = []
    with Wire(node.bootstrap) as wire:
        wait_until(lambda: wire.fetch("refilled", 0).high_watermark == 500, "it knows what is committed")
        while len(values) < 500:
            values += [record.value for record in records_of(wire.fetch("refilled", len(values)).records)]
    assert values == [b"%d" % number for number in range(500)]
