"""The node around a partition, for tests of the partition alone: one replica, or one of several that are all alive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from broker.clock import Clock, SystemClock
from broker.durability import Durability
from broker.metadata import PartitionImage
from broker.partition import LogCut, Partition, cut_at_once
from wal import StorageError

NODE_ID = 1


@dataclass
class PartitionHostOfOne:
    """`broker.partition.PartitionHost`; `schedule_write` is what the table does at the end of a turn of the loop."""

    durability: Durability
    schedule_write: Callable[[Partition], None]
    clock: Clock = field(default_factory=SystemClock)
    node_id: int = NODE_ID
    lag_time_max_ms: int = 30_000

    def is_eligible(self, node_id: int, broker_epoch: int) -> bool:
        return True

    def isr_change_wanted(self, partition: Partition) -> None:
        """There is no controller."""

    def write_refused(self, partition: Partition, error: StorageError) -> None:
        """There is nobody to go on instead."""

    def make_cut(self, partition: Partition, cut: LogCut) -> None:
        cut_at_once(partition, cut)

    def was_cut(self, partition: Partition) -> None:
        """Nothing waited for it."""


def led_alone(leader_epoch: int = 1) -> PartitionImage:
    """This node is the only replica."""
    return PartitionImage(0, replicas=(NODE_ID,), isr=(NODE_ID,), leader=NODE_ID, leader_epoch=leader_epoch)
