"""Retention goes through a list of partitions in steps; what was deleted in between is left alone."""

from __future__ import annotations

from harness.data_node import data_node
from harness.raw_client import produce_request
from log_harness import batch
from log_harness.batches import NOW_MS

from broker.clock import SystemClock
from broker.handlers import produce
from broker.housekeeping import Housekeeping
from broker.log import LogConfig
from wal import Journal


def test_a_deleted_log_leaves_no_files_in_the_directory_of_its_successor() -> None:
    """A segment it began there, at an offset the new log does not have, kept the new log offline after a restart."""
    with data_node() as node:
        old = node.create("orders")
        node.begin(produce.handle, produce_request("orders", batch(b"x", timestamp=NOW_MS), acks=1), version=8)
        node.commit()
        node.metadata.run(node.metadata.controller.delete_topics(names=["orders"]))
        new = node.create("orders")
        old.log.update_config(LogConfig(retention_ms=1))
        housekeeping = Housekeeping(
            config=lambda: node.metadata.config,
            clock=SystemClock(),
            partitions=node.partitions,
            logs=node.services.logs,
            journal=Journal.open(node.disk, "data/other-journal"),
            journal_caught_up=node.committer.catch_up,
            filesystem=node.disk,
        )

        housekeeping._retain(old.log, old.high_watermark)

        logs = [name for name in node.disk.list(new.log.directory) if name.endswith(".log")]
        assert logs == ["00000000000000000000.log"]
