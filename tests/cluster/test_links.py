"""A leader that is cut off from the others: they go on without it, and what only it has is gone when it comes back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from faults_harness.cluster_scenario import PROGRESS_TIMEOUT_S, create_topic, loaded
from faults_harness.wire import PRODUCE_VERSION, Wire, produce_request
from harness.proxied_cluster import ProxiedCluster
from log_harness.batches import batch, records_of

from protocol.errors import ErrorCode

POLL_S = 0.05


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[ProxiedCluster]:
    with ProxiedCluster(tmp_path) as running:
        yield running


def leader_of(cluster: ProxiedCluster, topic: str, *, asked: int) -> tuple[int, set[int]]:
    """Leader and in-sync replicas of partition 0, as node `asked` knows them."""
    client = AdminClient({"bootstrap.servers": f"127.0.0.1:{cluster.client_ports[asked]}", "log_level": 0})
    partition = client.list_topics(topic, timeout=PROGRESS_TIMEOUT_S).topics[topic].partitions[0]
    return partition.leader, set(partition.isrs)


def wait_until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PROGRESS_TIMEOUT_S
    while not holds():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(POLL_S)  # between two looks at other processes


def produce(cluster: ProxiedCluster, node_id: int, value: bytes, *, acks: int, timeout_ms: int = 5000) -> ErrorCode:
    request = produce_request("t", {0: batch(value, timestamp=int(time.time() * 1000))}, acks=acks)
    request.timeout_ms = timeout_ms
    with Wire(cluster.nodes[node_id].bootstrap) as wire:
        answer = wire.call(request, PRODUCE_VERSION)
        return ErrorCode(answer.responses[0].partition_responses[0].error_code)


def stored(cluster: ProxiedCluster, node_id: int) -> list[bytes | None]:
    """What a consumer reads of partition 0 from this very replica."""
    found: list[bytes | None] = []
    with Wire(cluster.nodes[node_id].bootstrap) as wire:
        while records := records_of(wire.fetch("t", len(found)).records):
            found += [record.value for record in records]
    return found


def test_nothing_acknowledged_is_lost_when_a_leader_is_cut_off(cluster: ProxiedCluster) -> None:
    with loaded(cluster.bootstrap) as load:
        victim, _ = leader_of(cluster, load.topic, asked=1)
        others = [node_id for node_id in cluster.nodes if node_id != victim]
        with cluster.links.cut(victim, *others):
            wait_until(
                lambda: leader_of(cluster, load.topic, asked=others[0])[0] != victim, "another leader than the lost one"
            )
            load.progress(while_a_node_is_silent=True)
        load.progress()
        wait_until(
            lambda: leader_of(cluster, load.topic, asked=others[0])[1] == set(cluster.nodes), "all are in sync again"
        )


def test_what_a_cut_off_leader_took_and_nobody_copied_is_truncated(cluster: ProxiedCluster) -> None:
    """acks=1 promises no more than one disk; acks=all is not given by a leader that is alone."""
    create_topic(cluster.bootstrap, "t", 2, partitions=1)
    old, _ = leader_of(cluster, "t", asked=1)
    others = [node_id for node_id in cluster.nodes if node_id != old]
    assert produce(cluster, old, b"before", acks=-1) is ErrorCode.NONE
    with cluster.links.cut(old, *others):
        assert produce(cluster, old, b"lost", acks=1) is ErrorCode.NONE
        assert produce(cluster, old, b"never promised", acks=-1, timeout_ms=500) is not ErrorCode.NONE
        wait_until(lambda: leader_of(cluster, "t", asked=others[0])[0] in others, "another leader")
        new, _ = leader_of(cluster, "t", asked=others[0])
        wait_until(lambda: produce(cluster, new, b"after", acks=-1) is ErrorCode.NONE, "acks=all from the new leader")
    wait_until(lambda: leader_of(cluster, "t", asked=new)[1] == set(cluster.nodes), "the old leader follows, in sync")

    wait_until(lambda: stored(cluster, old) == [b"before", b"after"], "the old leader has the new history")
    assert "truncated from" in cluster.nodes[old].log_text()
