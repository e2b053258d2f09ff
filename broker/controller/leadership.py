"""Who leads a partition: the first of its replicas, in the order of the assignment, that is in sync and active."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from broker.metadata import NO_LEADER, BrokerRegistration


def active_replicas(replicas: Sequence[int], brokers: Mapping[int, BrokerRegistration]) -> list[int]:
    """Those that can be in sync from the start of a new partition."""
    return [node_id for node_id in replicas if node_id in brokers and brokers[node_id].is_active]


def choose_leader(replicas: Sequence[int], isr: Sequence[int]) -> int:
    """The preferred leader if it is in sync, else the next that is; NO_LEADER where none is."""
    return next((node_id for node_id in replicas if node_id in isr), NO_LEADER)
