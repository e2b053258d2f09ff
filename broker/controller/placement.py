"""Which brokers get the replicas of new partitions.

Brokers are lined up so that neighbours are in different racks (one of each rack in turn); partition `p` takes
`replication_factor` neighbours. Within a round of the line the first replicas, which are the preferred leaders,
move on by one, so each broker leads equally often; every round the others move on by one more, so that a broker's
partitions have their followers on all others and its failure spreads its load. Brokers that are fenced or on their
way out get replicas only where nobody else is left, and never first.
"""

from __future__ import annotations

from collections.abc import Sequence

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
    return [
        _replicas(active, inactive, index=shift + first_partition + i, count=replication_factor)
        for i in range(partition_count)
    ]


def _replicas(active: list[int], inactive: list[int], *, index: int, count: int) -> list[int]:
    size = len(active)
    start = index % size
    replicas = [active[start]]
    # The followers' distance from the leader changes with every round of the line.
    others = active[start + 1 :] + active[:start]
    turn = index // size % max(len(others), 1)
    if count <= size - 1:
        # A window of neighbours keeps them in different racks.
        others = others[turn:] + others[:turn]
    replicas += others[: count - 1]
    missing = count - len(replicas)
    if missing > 0:
        offset = index % len(inactive)
        replicas += (inactive[offset:] + inactive[:offset])[:missing]
    return replicas


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
