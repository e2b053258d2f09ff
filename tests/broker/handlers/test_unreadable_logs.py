"""A log that cannot be read is an error of its partition: every request is answered, none of them fails as a whole."""

from __future__ import annotations

import errno

from harness.data_node import DataNode, data_node
from harness.raw_client import produce_request
from log_harness import batch

from broker.handlers import fetch, list_offsets, offset_for_leader_epoch, produce
from protocol.errors import ErrorCode
from protocol.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from protocol.messages.list_offsets import ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic
from protocol.messages.offset_for_leader_epoch import (
    OffsetForLeaderEpochRequest,
    OffsetForLeaderPartition,
    OffsetForLeaderTopic,
)


def with_a_record(node: DataNode) -> None:
    node.create("orders")
    node.begin(produce.handle, produce_request("orders", batch(b"x"), acks=1), version=8)
    node.commit()


def test_list_offsets_of_an_unreadable_log() -> None:
    """The connection was closed for it, and the client came back with the same question."""
    with data_node() as node:
        with_a_record(node)
        node.disk.fail("read", errno.EIO, times=-1)
        asked = ListOffsetsPartition(partition_index=0, timestamp=0)
        request = ListOffsetsRequest(topics=[ListOffsetsTopic(name="orders", partitions=[asked])])
        response = node.begin(list_offsets.handle, request, version=7)
        assert response.topics[0].partitions[0].error_code == ErrorCode.KAFKA_STORAGE_ERROR


def test_the_end_of_a_leader_epoch_that_cannot_be_read() -> None:
    with data_node() as node:
        partition = node.create("orders")
        partition.log.disk.write_atomically(partition.log.leader_epochs_path, partition.log.leader_epochs.encode())
        partition.log._leader_epochs = None
        node.disk.fail("read", errno.EIO, times=-1)
        asked = OffsetForLeaderPartition(partition=0, leader_epoch=0)
        request = OffsetForLeaderEpochRequest(topics=[OffsetForLeaderTopic(topic="orders", partitions=[asked])])
        response = node.begin(offset_for_leader_epoch.handle, request, version=3)
        assert response.topics[0].partitions[0].error_code == ErrorCode.KAFKA_STORAGE_ERROR


def test_a_fetch_whose_aborted_transactions_cannot_be_read() -> None:
    """It raised in the middle of a commit, where this fetch had just been woken: it was never answered."""
    with data_node() as node:
        with_a_record(node)
        partition = node.partitions.find("orders", 0)
        assert partition is not None
        index = partition.log.active.transaction_index
        node.disk.open(index.path, create=True)
        index._entries = None
        node.disk.fail("read", errno.EIO, path_part=index.path, times=-1)
        topics = [FetchTopic(topic="orders", partitions=[FetchPartition(partition=0, partition_max_bytes=1000)])]
        request = FetchRequest(max_wait_ms=0, min_bytes=0, isolation_level=1, topics=topics)
        response = node.begin(fetch.handle, request, version=11)
        assert response.responses[0].partitions[0].error_code == ErrorCode.KAFKA_STORAGE_ERROR
