"""Which brokers get the replicas of new partitions.

Brokers stand in a line, one of each rack in turn. The first replica, which is the preferred leader, moves along the
line from partition to partition, so each broker leads equally often. Followers are the next in line that are in
racks without a replica yet; with every round of the line they are looked for one place further on, so that the
partitions of a broker have their followers on all others, and its failure spreads its load. Brokers that are fenced
or on their way out get replicas only where nobody else is left, and never first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from broker.metadata import BrokerRegistration
from protocol.errors import ErrorCode, KafkaError


def place_replicas(
    brokers: Sequence[BrokerRegistration],
    *,
    first_partition: int,
    partition_count: int,
    replication_factor: int,
    shift: int,
) -> list[list[int]]:
    """The replicas of each new partition, the preferred leader first.

    `shift` moves the beginning, so that topics of few partitions do not all start on the same broker. Raises
    KafkaError INVALID_REPLICATION_FACTOR where there are not enough brokers.
    """
    if replication_factor > len(brokers):
        raise KafkaError(
            ErrorCode.INVALID_REPLICATION_FACTOR,
            f"replication factor {replication_factor} is larger than the number of registered brokers, {len(brokers)}",
        )
    active = _interleave_racks([broker for broker in brokers if broker.is_active])
    if not active:
        raise KafkaError(ErrorCode.INVALID_REPLICATION_FACTOR, "no registered broker can take replicas: all are fenced")
    inactive = _interleave_racks([broker for broker in brokers if not broker.is_active])
    racks = {broker.node_id: broker.rack for broker in brokers}
    return [
        _replicas(active, inactive, racks, index=shift + first_partition + i, count=replication_factor)
        for i in range(partition_count)
    ]


def _replicas(
    active: list[int], inactive: list[int], racks: Mapping[int, str | None], *, index: int, count: int
) -> list[int]:
    start = index % len(active)
    leader = active[start]
    candidates = active[start + 1 :] + active[:start]
    turn = index // len(active) % max(len(candidates), 1)
    candidates = candidates[turn:] + candidates[:turn]
    replicas = [leader]
    racks_used = {racks[leader]}
    while candidates and len(replicas) < count:
        chosen = next((node_id for node_id in candidates if racks[node_id] not in racks_used), None)
        if chosen is None:
            # Every rack has one: begin again.
            racks_used.clear()
            chosen = candidates[0]
        candidates.remove(chosen)
        racks_used.add(racks[chosen])
        replicas.append(chosen)
    return replicas + inactive[: count - len(replicas)]


def _interleave_racks(brokers: Sequence[BrokerRegistration]) -> list[int]:
    """Broker ids, one of each rack in turn; brokers without a rack are a rack together."""
    racks: dict[str | None, list[int]] = {}
    for broker in sorted(brokers, key=lambda broker: broker.node_id):
        racks.setdefault(broker.rack, []).append(broker.node_id)
    line: list[int] = []
    for turn in range(max(map(len, racks.values()), default=0)):
        line += [members[turn] for _, members in sorted(racks.items(), key=_rack_order) if turn < len(members)]
    return line


def _rack_order(item: tuple[str | None, list[int]]) -> str:
    return item[0] or ""
