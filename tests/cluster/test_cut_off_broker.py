"""A broker that no controller hears of knows that others lead by now, and tells its clients to look for them."""

from __future__ import annotations

import time
from pathlib import Path

from harness.proxied_cluster import ProxiedCluster

from broker.cli.connection import Connection
from protocol import ErrorCode
from protocol.messages.create_topics import CreatableTopic, CreateTopicsRequest, CreateTopicsResponse
from protocol.messages.metadata import MetadataRequest, MetadataRequestTopic, MetadataResponse

PATIENCE_S = 60.0


def leaders_told_by(connection: Connection) -> tuple[set[int], set[int]]:
    """(brokers, leaders) as this broker tells its clients."""
    answer = connection.send(MetadataRequest(topics=[MetadataRequestTopic(name="orders")]), MetadataResponse)
    return {broker.node_id for broker in answer.brokers}, {p.leader_id for p in answer.topics[0].partitions}


def test_a_broker_that_is_cut_off_from_the_controller_claims_to_lead_nothing_until_it_is_back(tmp_path: Path) -> None:
    with ProxiedCluster(tmp_path) as cluster:
        controller = (
            Connection("127.0.0.1", cluster.client_ports[1], timeout_s=PATIENCE_S)
            .send(MetadataRequest(topics=[]), MetadataResponse)
            .controller_id
        )
        victim = next(node_id for node_id in cluster.nodes if node_id != controller)
        others = [node_id for node_id in cluster.nodes if node_id != victim]
        alone = Connection("127.0.0.1", cluster.client_ports[victim], timeout_s=PATIENCE_S)
        elsewhere = Connection("127.0.0.1", cluster.client_ports[controller], timeout_s=PATIENCE_S)
        topic = CreatableTopic(name="orders", num_partitions=6, replication_factor=3)
        created = alone.send(CreateTopicsRequest(topics=[topic], timeout_ms=30_000), CreateTopicsResponse)
        assert created.topics[0].error_code == ErrorCode.NONE
        assert victim in leaders_told_by(alone)[1]

        with cluster.links.cut(victim, *others):
            # Both find out by themselves, from the same silence.
            for asked in (alone, elsewhere):
                deadline = time.monotonic() + PATIENCE_S
                while victim in (told := leaders_told_by(asked))[1] or victim in told[0]:
                    assert time.monotonic() < deadline, f"it is still said to lead: {told}"

        deadline = time.monotonic() + PATIENCE_S
        while victim not in leaders_told_by(alone)[0]:
            assert time.monotonic() < deadline, "it is not let back in"
        assert leaders_told_by(alone)[1] <= set(others), "the others lead, and it knows"
