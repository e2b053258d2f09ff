"""The table follows the metadata: each partition is found by every name it has, and by none when it is gone."""

from __future__ import annotations

import errno

import pytest
from harness.data_node import data_node
from harness.metadata_node import NODE_ID, MetadataNode
from log_harness.batches import NOW_MS, batch
from simulation import SimulatedFilesystem

from broker.clock import SystemClock
from broker.durability import PageCache
from broker.end_of_turn import EndOfTurn
from broker.log import LogConfig, LogManager
from broker.metadata import MetadataDelta, PartitionChangeRecord, RemoveTopicRecord
from broker.partition import PartitionTable
from protocol.errors import ErrorCode


def table_of(node: MetadataNode) -> PartitionTable:
    logs = LogManager(SimulatedFilesystem(seed=1), "data/logs")
    logs.load_all()
    table = PartitionTable(
        logs,
        node_id=NODE_ID,
        durability=PageCache(loop=node.loop),
        clock=SystemClock(),
        end_of_turn=EndOfTurn(node.loop),
        log_config_of=lambda topic: LogConfig(),
    )
    node.publisher.subscribe(table.on_metadata_update)
    table.set_aside_strays(node.image)
    return table


def test_a_partition_is_found_by_name_by_id_and_by_the_bytes_of_both() -> None:
    """Without the bytes every produce request took the long road, at half the speed, and nothing else showed it."""
    with MetadataNode() as node:
        table = table_of(node)
        node.run(node.controller.auto_create_topic("orders"))
        topic_id = node.image.topics_by_name["orders"].topic_id

        partition = table.find("orders", 0)

        assert partition is not None
        assert table.find_by_id(topic_id, 0) is partition
        assert table.of_encoded_topic(b"orders") == {0: partition}
        assert table.of_encoded_topic(topic_id) == {0: partition}


def test_a_deleted_topic_is_found_by_none_of_its_names() -> None:
    with MetadataNode() as node:
        table = table_of(node)
        node.run(node.controller.auto_create_topic("orders"))
        topic_id = node.image.topics_by_name["orders"].topic_id

        node.run(node.controller.delete_topics(topic_ids=[topic_id]))

        assert table.find("orders", 0) is None
        assert table.find_by_id(topic_id, 0) is None
        assert table.of_encoded_topic(b"orders") is None
        assert table.of_encoded_topic(topic_id) is None


def test_a_partition_that_cannot_be_led_is_offline_and_takes_nothing_with_it() -> None:
    """The failure reached the metadata log, which took it for its own: the node acknowledged nothing more."""
    with data_node() as node:
        node.disk.make_directory("data/logs/broken-0")
        node.disk.open("data/logs/broken-0/leader-epoch-checkpoint", create=True).append([b"0\n0\n"])
        node.disk.fail("read", errno.EIO, path_part="broken-0/leader-epoch", times=-1)
        node.metadata.run(node.metadata.controller.auto_create_topic("broken"))

        assert node.partitions.find("broken", 0) is None
        assert node.partitions.absence("broken", 0) is ErrorCode.KAFKA_STORAGE_ERROR
        assert node.create("orders").is_leader
        assert node.metadata.failures == []


def test_a_partition_is_opened_when_the_disk_has_room_again(caplog: pytest.LogCaptureFixture) -> None:
    """It stayed offline until a restart, though it lacked nothing."""
    with data_node() as node:
        node.disk.fail("write", errno.ENOSPC, path_part="logs/orders-0", times=-1)
        node.metadata.run(node.metadata.controller.auto_create_topic("orders"))
        node.partitions.open_again()
        assert node.partitions.absence("orders", 0) is ErrorCode.KAFKA_STORAGE_ERROR
        assert caplog.text.count("partition orders-0 is offline") == 1

        node.disk.forget_faults()
        node.partitions.open_again()

        partition = node.partitions.find("orders", 0)
        assert partition is not None and partition.is_leader
        partition.append(batch(b"a"), now_ms=NOW_MS)
        node.commit()
        assert partition.high_watermark == 1
        assert "partition orders-0 is online again" in caplog.text


def test_a_deleted_partition_is_not_opened_again() -> None:
    with data_node() as node:
        node.disk.fail("write", errno.ENOSPC, path_part="logs/orders-0", times=-1)
        node.metadata.run(node.metadata.controller.auto_create_topic("orders"))
        topic_id = node.metadata.image.topics_by_name["orders"].topic_id
        node.metadata.run(node.metadata.controller.delete_topics(topic_ids=[topic_id]))
        node.disk.forget_faults()

        node.partitions.open_again()

        assert node.partitions.absence("orders", 0) is ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


@pytest.mark.parametrize(
    ("is_deleted", "error"), [(True, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION), (False, ErrorCode.NOT_LEADER_OR_FOLLOWER)]
)
def test_who_waits_for_a_replica_that_goes_is_told_whether_others_have_it(is_deleted: bool, error: ErrorCode) -> None:
    """What was written to one that was moved away is there: a producer must not take it for refused."""
    with MetadataNode() as node:
        table = table_of(node)
        node.run(node.controller.auto_create_topic("orders"))
        partition, image = table.find("orders", 0), node.image
        assert partition is not None
        told: list[ErrorCode] = []
        partition.append(batch(b"a"), now_ms=NOW_MS)
        partition.when_committed(1, told.append, timeout_ms=1000)

        other = NODE_ID + 1
        moved = PartitionChangeRecord(partition.topic_id, 0, replicas=[other], isr=[other], leader=other)
        delta = MetadataDelta(image)
        delta.replay(RemoveTopicRecord(partition.topic_id) if is_deleted else moved)
        table.on_metadata_update(delta, delta.complete(image.metadata_offset + 1))

        assert told == [error]
