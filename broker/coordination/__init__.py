"""What replicated coordinators share: decide, append to an internal partition, replay, answer after the commit."""

from broker.coordination.decision import Decision, Reply, TimerKey
from broker.coordination.errors import coordinator_error
from broker.coordination.partitioning import java_string_hash, partition_for
from broker.coordination.runtime import CoordinatorPartition, CoordinatorRuntime, Shard

__all__ = [
    "CoordinatorPartition",
    "CoordinatorRuntime",
    "Decision",
    "Reply",
    "Shard",
    "TimerKey",
    "coordinator_error",
    "java_string_hash",
    "partition_for",
]
