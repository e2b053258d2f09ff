"""What must hold at all times inside the brokers, judged by what is seen of them again and again.

A watcher is told what is so now, in a fixed order of calls, and raises `InvariantBroken` when that cannot follow from
what it was told before.
"""

from __future__ import annotations

from collections.abc import Hashable

from simulation.evidence import named
from simulation.history import Place


class InvariantBroken(AssertionError):
    """Its first words are the promise."""


class NeverBack:
    """A number that only grows while its bearer lives; a new bearer of the same key begins anew."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._seen: dict[Hashable, tuple[object, int]] = {}

    def see(self, key: Hashable, bearer: object, value: int) -> None:
        before = self._seen.get(key)
        if before is not None and before[0] is bearer and value < before[1]:
            raise InvariantBroken(f"{self._what} never goes back: {before[1]} to {value} of {key}")
        self._seen[key] = (bearer, value)


class OneLeaderPerEpoch:
    """Among the brokers themselves, whether a client ever asked or not."""

    def __init__(self) -> None:
        self._leaders: dict[tuple[bytes, int, int], int] = {}

    def see(self, topic_id: bytes, place: Place, leader_epoch: int, node_id: int) -> None:
        leader = self._leaders.setdefault((topic_id, place[1], leader_epoch), node_id)
        if leader != node_id:
            raise InvariantBroken(
                f"one leader per epoch: nodes {leader} and {node_id} both lead {named(place)} in epoch {leader_epoch}"
            )


def look_at_ends(place: Place, node_id: int, *, high_watermark: int, log_end_offset: int) -> None:
    if high_watermark > log_end_offset:
        raise InvariantBroken(
            f"the high watermark is within the log: it is {high_watermark} of {named(place)} on node {node_id}, whose "
            f"log ends at {log_end_offset}"
        )


def look_at_in_sync(place: Place, leader: int, high_watermark: int, durable_ends: dict[int, int]) -> None:
    """`durable_ends` of those in-sync replicas that can be asked."""
    for node_id, durable_end in durable_ends.items():
        if durable_end < high_watermark:
            raise InvariantBroken(
                f"every in-sync replica has what is committed: leader {leader} of {named(place)} has the "
                f"high watermark {high_watermark}, and node {node_id} is in sync with records up to {durable_end}"
            )
