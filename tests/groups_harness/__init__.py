"""A real group coordinator on a loop whose clock only tests move, over a partition that lives in memory."""

from groups_harness.loop import HeldLoop, LoopClock
from groups_harness.memory_partition import MemoryLog, MemoryPartition
from groups_harness.world import START_MS, Asked, Consumer, GroupWorld, subscription

__all__ = [
    "START_MS",
    "Asked",
    "Consumer",
    "GroupWorld",
    "HeldLoop",
    "LoopClock",
    "MemoryLog",
    "MemoryPartition",
    "subscription",
]
