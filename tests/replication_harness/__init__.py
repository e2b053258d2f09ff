"""Replicas of one partition on several nodes: real logs, journals, roles and fetchers; simulated disks, links and time.

What stands for the cluster's metadata is one list of records that every node applies a little later.
"""

from replication_harness.world import ReplicaWorld, run_replica_seed

__all__ = ["ReplicaWorld", "run_replica_seed"]
