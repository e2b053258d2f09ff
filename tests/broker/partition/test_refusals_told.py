"""What is said when a disk refuses: a restart is asked for where nothing else helps, and nowhere else."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import Any

import pytest
from harness.data_node import DataNode, data_node
from log_harness.batches import NOW_MS, batch

from broker.partition import HighWatermarkCheckpoint, Partition
from broker.replication import Replication


@pytest.fixture
def node() -> Iterator[DataNode]:
    with data_node() as node:
        yield node


def append(node: DataNode, partition: Partition) -> None:
    partition.append(batch(b"x"), now_ms=NOW_MS)
    node.turn()


def test_a_partition_that_a_full_disk_refuses_waits_for_room(node: DataNode, caplog: pytest.LogCaptureFixture) -> None:
    partition = node.create("orders")
    fault = node.disk.fail("write", errno.ENOSPC, path_part="orders-0/00000000000000000000.log", times=-1)

    append(node, partition)
    append(node, partition)

    assert caplog.text.count("orders-0 refuses writes until its disk takes one: cannot write") == 1
    assert "; free space on that disk" in caplog.text
    fault.times = 0
    append(node, partition)
    assert "orders-0 takes writes again" in caplog.text
    assert "restart" not in caplog.text


def test_one_whose_half_written_tail_stays_waits_for_a_restart(
    node: DataNode, caplog: pytest.LogCaptureFixture
) -> None:
    partition = node.create("orders")
    for operation in ("write", "truncate"):
        node.disk.fail(operation, errno.ENOSPC, path_part="orders-0/00000000000000000000.log")

    append(node, partition)

    (line,) = [record.message for record in caplog.records if "refuses writes" in record.message]
    assert line.endswith("; then restart this node")
    assert "until its disk takes one" not in line


def test_a_new_partition_that_a_full_disk_refuses_is_tried_again(
    node: DataNode, caplog: pytest.LogCaptureFixture
) -> None:
    node.disk.fail("write", errno.ENOSPC, path_part="logs/orders-0", times=-1)

    node.metadata.run(node.metadata.controller.auto_create_topic("orders"))

    assert "orders-0 is offline, and tried again until it can be opened: cannot" in caplog.text
    assert "restart" not in caplog.text


def test_high_watermarks_that_cannot_be_written_are_told_once(node: DataNode, caplog: pytest.LogCaptureFixture) -> None:
    node.create("orders")
    unused: Any = None
    replication = Replication(
        config=unused,
        connect=unused,
        partitions=node.partitions,
        publisher=node.metadata.publisher,
        channel=unused,
        high_watermarks=HighWatermarkCheckpoint(node.disk, "data/logs"),
        loop=node.metadata.loop,
    )
    fault = node.disk.fail("write", errno.ENOSPC, path_part="replication-offset-checkpoint", times=-1)

    for _ in range(2):
        node.metadata.run(replication.stop())

    assert caplog.text.count("the high watermarks could not be written; tried again with the next") == 1
    fault.times = 0
    node.metadata.run(replication.stop())
    assert "the high watermarks are written again" in caplog.text
