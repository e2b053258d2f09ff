"""Nodes of an earlier version of this project and of the present one in a cluster, on the same data directories.

Against another version than the commit before this one: MILLSTREAM_UPGRADE_FROM=v0.3.0 scripts/test tests/cluster/...
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from faults_harness.cluster_scenario import ClusterLoad, loaded
from harness.broker_process import BrokerProcess
from harness.cluster_process import ClusterProcess
from harness.cluster_waits import wait_until_all_in_sync
from harness.former_version import former_refs, former_version
from harness.raw_client import RawClient

from broker.metadata import METADATA_VERSION, NEWEST_LEVEL
from protocol import ErrorCode
from protocol.messages.api_versions import ApiVersionsRequest, ApiVersionsResponse
from protocol.messages.features import FeatureUpdateKey, UpdateFeaturesRequest
from protocol.messages.quorum import (
    DescribeQuorumRequest,
    DescribeQuorumRequestPartitionData,
    DescribeQuorumRequestTopicData,
)

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(params=former_refs())
def former(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return former_version(request.param, tmp_path / "former")


@pytest.fixture
def cluster(tmp_path: Path, former: Path) -> Iterator[ClusterProcess]:
    """All of its nodes run the former version."""
    cluster = ClusterProcess(tmp_path, settings={"log.segment.bytes": "1048576"})
    for node in cluster.nodes.values():
        node.source = former
    with cluster:
        yield cluster


def come_back(cluster: ClusterProcess, load: ClusterLoad, node_id: int, source: Path | None) -> None:
    """Start a node that is away on other code, as an operator would: the next one waits until it is in sync."""
    node = cluster.nodes[node_id]
    load.progress()
    node.source = source
    node.start()
    wait_until_all_in_sync(cluster, load.topic)
    load.progress()


def features(node: BrokerProcess) -> ApiVersionsResponse:
    with RawClient(node.bootstrap) as client:
        request = ApiVersionsRequest(client_software_name="test", client_software_version="1")
        response: ApiVersionsResponse = client.call(request, version=4)
        return response


def level(node: BrokerProcess) -> int:
    (found,) = [each for each in features(node).finalized_features if each.name == METADATA_VERSION]
    return found.max_version_level


def newest_level(node: BrokerProcess) -> int:
    """That this node could work at; 0 for a version from before there were features."""
    supported = features(node).supported_features
    return max([each.max_version for each in supported if each.name == METADATA_VERSION], default=0)


def raise_level(node: BrokerProcess, to: int) -> tuple[ErrorCode, str]:
    update = FeatureUpdateKey(feature=METADATA_VERSION, max_version_level=to)
    with RawClient(node.bootstrap) as client:
        response = client.call(UpdateFeaturesRequest(feature_updates=[update]), version=2)
    return ErrorCode(response.error_code), response.error_message or ""


def levels_of_all(cluster: ClusterProcess) -> list[list[tuple[str, int]]]:
    """As each node tells it; versions from before there were features tell of none."""
    return [
        sorted((each.name, each.max_version_level) for each in features(node).finalized_features)
        for node in cluster.nodes.values()
    ]


def test_a_cluster_is_upgraded_node_by_node_and_nothing_acknowledged_is_lost(cluster: ClusterProcess) -> None:
    with loaded(cluster.bootstrap) as load:
        for node_id, node in cluster.nodes.items():
            assert node.stop() == 0, node.log_text()[-4000:]
            come_back(cluster, load, node_id, None)
            if newest_level(cluster.nodes[3]) < NEWEST_LEVEL:
                refused, why = raise_level(cluster.nodes[1], NEWEST_LEVEL)
                # The former controller may not know how to raise one at all.
                assert refused in (ErrorCode.INVALID_UPDATE_VERSION, ErrorCode.UNSUPPORTED_VERSION), why
        assert raise_level(cluster.nodes[2], NEWEST_LEVEL) == (ErrorCode.NONE, "")
        assert level(cluster.nodes[2]) == NEWEST_LEVEL
        # What is written at the new level is read again from the disk.
        cluster.nodes[1].stop()
        come_back(cluster, load, 1, None)
        assert level(cluster.nodes[1]) == NEWEST_LEVEL


def controller_of(cluster: ClusterProcess) -> int:
    topic = DescribeQuorumRequestTopicData(
        topic_name="__cluster_metadata", partitions=[DescribeQuorumRequestPartitionData(partition_index=0)]
    )
    with RawClient(cluster.nodes[1].bootstrap) as client:
        answer = client.call(DescribeQuorumRequest(topics=[topic]), version=2)
    leader_id: int = answer.topics[0].partitions[0].leader_id
    return leader_id


def test_an_upgrade_that_is_not_finished_can_be_taken_back(cluster: ClusterProcess, former: Path) -> None:
    before = levels_of_all(cluster)
    with loaded(cluster.bootstrap) as load:
        for node_id in (3, 1):
            cluster.nodes[node_id].kill()
            come_back(cluster, load, node_id, None)
        # One of the new nodes is the controller from here on, and the former one reads what it writes.
        cluster.nodes[2].stop()
        come_back(cluster, load, 2, former)
        other = 4 - controller_of(cluster)
        assert other in (1, 3)
        cluster.nodes[other].stop()
        come_back(cluster, load, other, None)
        for node_id in (3, 1):
            cluster.nodes[node_id].stop()
            come_back(cluster, load, node_id, former)
    assert levels_of_all(cluster) == before
