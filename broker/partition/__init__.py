"""The partitions of this node: the door to each, and the table that follows the metadata image."""

from broker.partition.partition import NO_LEADER_EPOCH, IsolationLevel, Partition, PartitionRead
from broker.partition.table import PartitionTable

__all__ = ["NO_LEADER_EPOCH", "IsolationLevel", "Partition", "PartitionRead", "PartitionTable"]
