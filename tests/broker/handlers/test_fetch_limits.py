"""How much a fetch brings, by version."""

from __future__ import annotations

import pytest
from harness.data_node import DataNode, data_node
from harness.raw_client import produce_request
from log_harness import batch

from broker.handlers import fetch, produce
from protocol.messages.fetch import FetchPartition, FetchRequest, FetchTopic


def fetched(node: DataNode, version: int, *, partition_max_bytes: int) -> bytes:
    asked = FetchPartition(partition=0, partition_max_bytes=partition_max_bytes)
    request = FetchRequest(max_wait_ms=0, min_bytes=0, topics=[FetchTopic(topic="orders", partitions=[asked])])
    response = node.begin(fetch.handle, request, version=version)
    return bytes(response.responses[0].partitions[0].records)


def with_records(node: DataNode, *values: bytes) -> None:
    node.create("orders")
    node.begin(produce.handle, produce_request("orders", batch(*values), acks=1), version=8)
    node.commit()


@pytest.mark.parametrize("version", [0, 1, 2])
def test_an_old_consumer_gets_the_beginning_of_a_message_above_its_limit(version: int) -> None:
    """A cut message is how it learns that its limit is too small; an empty answer had it ask for ever."""
    with data_node() as node:
        with_records(node, bytes(1000))
        found = fetched(node, version, partition_max_bytes=100)
        assert len(found) == 100
        assert int.from_bytes(found[8:12], "big") > 1000


@pytest.mark.parametrize("version", [0, 1, 2])
def test_an_old_consumer_gets_on_through_a_batch_above_its_limit(version: int) -> None:
    with data_node() as node:
        with_records(node, bytes(10), bytes(10), bytes(1000))
        found = fetched(node, version, partition_max_bytes=100)
        assert 12 + int.from_bytes(found[8:12], "big") < len(found) <= 100


@pytest.mark.parametrize("version", [3, 4, 11])
def test_from_v3_on_the_first_batch_comes_whole(version: int) -> None:
    """KIP-74."""
    with data_node() as node:
        with_records(node, bytes(1000))
        found = fetched(node, version, partition_max_bytes=100)
        assert 12 + int.from_bytes(found[8:12], "big") == len(found) > 1000
