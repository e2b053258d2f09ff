"""Which followers must wait for their records: those that catch up while more was sent than an operator allows."""

from __future__ import annotations

from typing import Protocol

from broker.partition import Partition


class Throttle(Protocol):
    """How fast replicas that are not in sync may be sent; `broker.replication.ReplicationThrottle` says."""

    def covers(self, topic: str, partition: int) -> bool: ...

    @property
    def is_exceeded(self) -> bool: ...

    def record(self, size_bytes: int) -> None: ...


class NoThrottle:
    is_exceeded = False

    def covers(self, topic: str, partition: int) -> bool:
        return False

    def record(self, size_bytes: int) -> None:
        raise AssertionError("nothing is covered")


def is_held_back(throttle: Throttle, partition: Partition, node_id: int) -> bool:
    """Whether broker `node_id` must wait. One that is in sync never does: producers wait for it."""
    leading = partition.leading
    return (
        throttle.covers(partition.topic, partition.index)
        and leading is not None
        and node_id not in leading.isr
        and throttle.is_exceeded
    )


def sent(throttle: Throttle, partition: Partition, size_bytes: int) -> None:
    if throttle.covers(partition.topic, partition.index):
        throttle.record(size_bytes)
