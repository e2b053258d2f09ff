"""A broker that is merely slow keeps what it leads: nobody is deposed for standing still for less than a session."""

from __future__ import annotations

import time
from pathlib import Path

from faults_harness.wire import Wire
from harness.cluster_process import ClusterProcess

from protocol.errors import ErrorCode
from protocol.messages.create_topics import CreatableTopic, CreateTopicsRequest
from protocol.messages.metadata import MetadataRequest, MetadataRequestTopic

# Longer than a controller's election takes, and far enough from the end of the session for a machine that is busy.
SESSION_MS = 6000
STANDSTILL_S = 2.5


def state_of(cluster: ClusterProcess, node_id: int) -> tuple[int, list[tuple[int, int, set[int]]]]:
    """The controller, and leader, leader epoch and in-sync replicas of each partition, as this node knows them."""
    request = MetadataRequest(topics=[MetadataRequestTopic(name="t")], allow_auto_topic_creation=False)
    with Wire(cluster.nodes[node_id].bootstrap) as wire:
        answer = wire.call(request, 9)
    topic = answer.topics[0]
    assert topic.error_code == ErrorCode.NONE
    partitions = sorted(topic.partitions, key=lambda partition: partition.partition_index)
    return answer.controller_id, [(p.leader_id, p.leader_epoch, set(p.isr_nodes)) for p in partitions]


def test_brokers_that_stand_still_for_less_than_a_session_lead_what_they_led(tmp_path: Path) -> None:
    """Also the one that is the controller: another may decide meanwhile, but it begins with everybody's time anew."""
    with ClusterProcess(tmp_path, settings={"broker.session.timeout.ms": str(SESSION_MS)}) as cluster:
        with Wire(cluster.nodes[1].bootstrap) as wire:
            topic = CreatableTopic(name="t", num_partitions=6, replication_factor=3)
            created = wire.call(CreateTopicsRequest(topics=[topic], timeout_ms=30_000), 7)
            assert created.topics[0].error_code == ErrorCode.NONE
        controller, before = state_of(cluster, 1)
        follower = next(node_id for node_id in cluster.nodes if node_id != controller)
        for slow in (follower, controller):
            with cluster.paused(slow):
                time.sleep(STANDSTILL_S)  # what is tested: a process that does nothing for so long
            other = next(node_id for node_id in cluster.nodes if node_id != slow)
            assert state_of(cluster, slow)[1] == before
            assert state_of(cluster, other)[1] == before
        assert "fencing broker" not in cluster.log_text()
