"""A node whose disk was replaced: it is filled by the others, and neither leads nor votes as if it remembered."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults_harness.wire import PRODUCE_VERSION, Wire, produce_request
from harness.cluster_process import ClusterProcess
from log_harness.batches import batch, records_of

from protocol.errors import ErrorCode
from protocol.messages import quorum
from protocol.messages.create_topics import CreatableReplicaAssignment, CreatableTopic, CreateTopicsRequest
from protocol.messages.metadata import MetadataRequest, MetadataRequestTopic

PATIENCE_S = 60.0
VICTIM, OTHER, THIRD = 1, 2, 3


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[ClusterProcess]:
    with ClusterProcess(tmp_path) as running:
        yield running


def create(cluster: ClusterProcess, topic: str, *replicas: int) -> None:
    assignment = CreatableReplicaAssignment(partition_index=0, broker_ids=list(replicas))
    new = CreatableTopic(name=topic, num_partitions=-1, replication_factor=-1, assignments=[assignment])
    with Wire(cluster.nodes[OTHER].bootstrap) as wire:
        created = wire.call(CreateTopicsRequest(topics=[new], timeout_ms=30_000), 7)
    assert created.topics[0].error_code == ErrorCode.NONE


def produce(cluster: ClusterProcess, node_id: int, topic: str, value: bytes) -> ErrorCode:
    request = produce_request(topic, {0: batch(value, timestamp=int(time.time() * 1000))})
    with Wire(cluster.nodes[node_id].bootstrap) as wire:
        answer = wire.call(request, PRODUCE_VERSION).responses[0].partition_responses[0]
    return ErrorCode(answer.error_code)


def stored(cluster: ClusterProcess, node_id: int, topic: str) -> list[bytes | None]:
    with Wire(cluster.nodes[node_id].bootstrap) as wire:
        return [record.value for record in records_of(wire.fetch(topic).records or b"")]


def leader_and_isr(cluster: ClusterProcess, topic: str) -> tuple[int, set[int]]:
    request = MetadataRequest(topics=[MetadataRequestTopic(name=topic)], allow_auto_topic_creation=False)
    with Wire(cluster.nodes[OTHER].bootstrap) as wire:
        partition = wire.call(request, 9).topics[0].partitions[0]
    return partition.leader_id, set(partition.isr_nodes)


def wait_until_in_sync(cluster: ClusterProcess, topic: str, *replicas: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while leader_and_isr(cluster, topic)[1] != set(replicas):
        assert time.monotonic() < deadline, leader_and_isr(cluster, topic)


def voters(cluster: ClusterProcess) -> dict[int, bytes]:
    """Directory ids by node id, as the metadata log has them."""
    partition = quorum.DescribeQuorumRequestPartitionData(partition_index=0)
    topic = quorum.DescribeQuorumRequestTopicData(topic_name="__cluster_metadata", partitions=[partition])
    with Wire(cluster.nodes[OTHER].bootstrap) as wire:
        described = wire.call(quorum.DescribeQuorumRequest(topics=[topic]), 2).topics[0].partitions[0]
    return {voter.replica_id: voter.replica_directory_id for voter in described.current_voters}


def wait_for_voters(cluster: ClusterProcess, *, other_than: bytes = bytes(16)) -> dict[int, bytes]:
    """When all three vote from directories that the log names; the victim from another than that one."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        found = voters(cluster)
        if len(found) == 3 and bytes(16) not in found.values() and found[VICTIM] != other_than:
            return found
        assert time.monotonic() < deadline, found


def take_disk(cluster: ClusterProcess) -> Path:
    """Kill the victim and give it an empty directory; where the one that it had is kept."""
    node = cluster.nodes[VICTIM]
    node.kill()
    kept = node.directory / "kept"
    shutil.move(node.data_directory, kept)
    return kept


def test_a_replaced_disk_is_filled_and_votes_again_under_its_own_name(cluster: ClusterProcess) -> None:
    create(cluster, "t", VICTIM, OTHER, THIRD)
    assert produce(cluster, VICTIM, "t", b"kept") is ErrorCode.NONE
    before = wait_for_voters(cluster)
    take_disk(cluster)
    cluster.nodes[VICTIM].start()
    wait_until_in_sync(cluster, "t", VICTIM, OTHER, THIRD)
    after = wait_for_voters(cluster, other_than=before[VICTIM])
    assert {n: after[n] for n in (OTHER, THIRD)} == {n: before[n] for n in (OTHER, THIRD)}
    assert stored(cluster, VICTIM, "t") == [b"kept"]


def test_the_last_replica_in_sync_does_not_lead_before_its_disk_is_back(cluster: ClusterProcess) -> None:
    """It would lead with an empty log, and acknowledged records would be gone without a word."""
    create(cluster, "only-here", VICTIM)
    assert produce(cluster, VICTIM, "only-here", b"acknowledged") is ErrorCode.NONE
    wait_for_voters(cluster)
    kept = take_disk(cluster)
    node = cluster.nodes[VICTIM].start()
    assert leader_and_isr(cluster, "only-here") == (-1, {VICTIM})
    assert produce(cluster, VICTIM, "only-here", b"instead") is ErrorCode.NOT_LEADER_OR_FOLLOWER

    node.kill()
    shutil.rmtree(node.data_directory)
    shutil.move(kept, node.data_directory)
    node.start()
    deadline = time.monotonic() + PATIENCE_S
    while leader_and_isr(cluster, "only-here")[0] != VICTIM:
        assert time.monotonic() < deadline, leader_and_isr(cluster, "only-here")
    assert stored(cluster, VICTIM, "only-here") == [b"acknowledged"]


def test_a_voter_that_lost_its_metadata_log_alone_does_not_start(cluster: ClusterProcess) -> None:
    """The directory says whose votes it remembers, and it remembers none."""
    node = cluster.nodes[VICTIM]
    node.kill()
    shutil.rmtree(node.data_directory / "metadata")
    with pytest.raises(AssertionError, match=r"the metadata log in .* is gone"):
        node.start()
