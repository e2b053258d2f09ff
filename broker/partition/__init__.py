"""The partitions of this node: the door to each, and the table that follows the metadata image."""

from broker.partition.checkpoint import HighWatermarkCheckpoint
from broker.partition.cuts import Cuts, LogCut, cut_at_once
from broker.partition.follower import FollowerRole
from broker.partition.host import (
    ALL_REPLICAS,
    NO_LEADER_EPOCH,
    IsolationLevel,
    PartitionHost,
    PartitionRead,
    ReplicaReader,
)
from broker.partition.isr import FollowerProgress
from broker.partition.leader import LeaderRole, Promise, Proposal
from broker.partition.log_configs import LogConfigs
from broker.partition.new_names import NewNames
from broker.partition.partition import Partition
from broker.partition.readable import ReadableReplica
from broker.partition.table import PartitionTable

__all__ = [
    "ALL_REPLICAS",
    "NO_LEADER_EPOCH",
    "Cuts",
    "FollowerProgress",
    "FollowerRole",
    "HighWatermarkCheckpoint",
    "IsolationLevel",
    "LeaderRole",
    "LogConfigs",
    "LogCut",
    "NewNames",
    "Partition",
    "PartitionHost",
    "PartitionRead",
    "PartitionTable",
    "Promise",
    "Proposal",
    "ReadableReplica",
    "ReplicaReader",
    "cut_at_once",
]
