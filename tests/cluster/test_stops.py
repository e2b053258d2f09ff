"""Stopping: who waits at a node that stops is answered, and a node stops at once where nobody is left to take over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from faults_harness.wire import Wire
from harness.broker_process import BrokerProcess
from harness.cluster_process import ClusterProcess

from protocol.errors import ErrorCode
from protocol.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from protocol.messages.find_coordinator import FindCoordinatorRequest
from protocol.messages.heartbeat import HeartbeatRequest
from protocol.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol

JOIN_VERSION = 3
FETCH_VERSION = 12
ASK_ELSEWHERE = (ErrorCode.NOT_COORDINATOR, ErrorCode.COORDINATOR_NOT_AVAILABLE)
NOT_YET = (ErrorCode.COORDINATOR_NOT_AVAILABLE, ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, ErrorCode.NOT_COORDINATOR)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[ClusterProcess]:
    with ClusterProcess(tmp_path) as running:
        yield running


def coordinator_of(group: str, bootstrap: str) -> int:
    """The node that coordinates the group."""
    with Wire(bootstrap) as wire:
        while True:
            answer = wire.call(FindCoordinatorRequest(key_type=0, coordinator_keys=[group]), 4).coordinators[0]
            if answer.error_code == ErrorCode.NONE:
                node_id: int = answer.node_id
                return node_id


def join(group: str) -> JoinGroupRequest:
    return JoinGroupRequest(
        group_id=group,
        session_timeout_ms=30_000,
        rebalance_timeout_ms=60_000,
        protocol_type="consumer",
        protocols=[JoinGroupRequestProtocol(name="range", metadata=b"")],
    )


def join_and_wait(first: Wire, second: Wire, group: str) -> int:
    """`first` becomes a member; `second` joins, and waits until the other comes, too. Its correlation id."""
    while (answer := first.call(join(group), JOIN_VERSION)).error_code in NOT_YET:
        continue
    assert answer.error_code == ErrorCode.NONE
    waiting = second.send(join(group), JOIN_VERSION)
    beat = HeartbeatRequest(group_id=group, generation_id=answer.generation_id, member_id=answer.member_id)
    # The member hears of a rebalance when the other one has joined.
    while first.call(beat, 3).error_code != ErrorCode.REBALANCE_IN_PROGRESS:
        continue
    return waiting


def test_a_member_that_waits_in_a_group_is_sent_elsewhere_when_the_only_node_stops(tmp_path: Path) -> None:
    with BrokerProcess(tmp_path) as node:
        coordinator_of("g", node.bootstrap)
        with Wire(node.bootstrap) as first, Wire(node.bootstrap) as second:
            waiting = join_and_wait(first, second, "g")
            assert node.stop() == 0
            assert second.receive(JoinGroupRequest, JOIN_VERSION, waiting).error_code in ASK_ELSEWHERE


def test_a_member_that_waits_in_a_group_is_sent_elsewhere_when_all_nodes_stop(cluster: ClusterProcess) -> None:
    node = cluster.nodes[coordinator_of("g", cluster.nodes[1].bootstrap)]
    with Wire(node.bootstrap) as first, Wire(node.bootstrap) as second:
        waiting = join_and_wait(first, second, "g")
        cluster.stop()
        assert second.receive(JoinGroupRequest, JOIN_VERSION, waiting).error_code in ASK_ELSEWHERE


def test_a_fetch_that_waits_for_records_is_answered_when_its_node_stops(tmp_path: Path) -> None:
    with BrokerProcess(tmp_path) as node, Wire(node.bootstrap) as wire:
        wire.create_topic("t")
        topic = FetchTopic(topic="t", partitions=[FetchPartition(partition=0, partition_max_bytes=1000)])
        fetch = FetchRequest(max_wait_ms=60_000, min_bytes=1, max_bytes=1000, session_epoch=-1, topics=[topic])
        waiting = wire.send(fetch, FETCH_VERSION)
        with Wire(node.bootstrap) as later:
            later.fetch("t")  # what was sent before it has begun when this is answered
        assert node.stop() == 0
        answer = wire.receive(FetchRequest, FETCH_VERSION, waiting).responses[0].partitions[0]
        assert (answer.error_code, answer.records) == (ErrorCode.NONE, b"")


def test_the_last_node_of_a_cluster_does_not_wait_for_a_controller_to_take_over(cluster: ClusterProcess) -> None:
    for node_id in (2, 3):
        cluster.nodes[node_id].kill()
    last = cluster.nodes[1]
    assert last.stop() == 0
    assert "no controller took over" not in last.log_text()
