"""DescribeCluster in all of its versions."""

from __future__ import annotations

import pytest
from harness.handler_call import call
from harness.metadata_node import MetadataNode, registration

from broker.handlers.describe_cluster import handle
from protocol.errors import ErrorCode
from protocol.messages.describe_cluster import DescribeClusterRequest

ALL_VERSIONS = range(3)


@pytest.mark.parametrize("version", ALL_VERSIONS)
def test_the_cluster_its_brokers_and_its_controller_are_told(version: int) -> None:
    with MetadataNode() as node:
        node.propose(registration(2, rack="r2"))
        node.propose(registration(3, listener="INSIDE"))
        response = call(node, handle, DescribeClusterRequest(), version=version)
        assert response.error_code == ErrorCode.NONE
        assert (response.cluster_id, response.controller_id) == (node.image.cluster_id, 1)
        brokers = [(b.broker_id, b.host, b.port, b.rack) for b in response.brokers]
        assert brokers == [(1, "host-1", 9092, None), (2, "host-2", 9092, "r2")]
        assert response.cluster_authorized_operations == -0x8000_0000


def test_operations_are_told_when_asked_for() -> None:
    with MetadataNode() as node:
        request = DescribeClusterRequest(include_cluster_authorized_operations=True)
        assert call(node, handle, request, version=0).cluster_authorized_operations == 0b1_1111_1010_0000


@pytest.mark.parametrize("version", ALL_VERSIONS)
def test_a_fenced_broker_is_told_only_when_asked_for(version: int) -> None:
    with MetadataNode() as node:
        node.propose(registration(2, fenced=True))
        silent = call(node, handle, DescribeClusterRequest(), version=version)
        assert [b.broker_id for b in silent.brokers] == [1]
        if version >= 2:
            told = call(node, handle, DescribeClusterRequest(include_fenced_brokers=True), version=version)
            assert [(b.broker_id, b.is_fenced) for b in told.brokers] == [(1, False), (2, True)]


@pytest.mark.parametrize(
    ("endpoint_type", "code"),
    [
        (2, ErrorCode.MISMATCHED_ENDPOINT_TYPE),
        (0, ErrorCode.UNSUPPORTED_ENDPOINT_TYPE),
        (9, ErrorCode.UNSUPPORTED_ENDPOINT_TYPE),
    ],
)
def test_only_brokers_are_described_here(endpoint_type: int, code: ErrorCode) -> None:
    with MetadataNode() as node:
        response = call(node, handle, DescribeClusterRequest(endpoint_type=endpoint_type), version=1)
        assert response.error_code == code
        assert response.error_message
