"""What a run leaves for its judges: what clients recorded, and what the replicas hold when all is healed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from simulation.history import Fetch, History, Outcome, Place, Send


class LogRecord(Protocol):
    """A record in a replica's log; `sequence` is -1 where its producer has no id."""

    @property
    def offset(self) -> int: ...
    @property
    def leader_epoch(self) -> int: ...
    @property
    def producer_id(self) -> int: ...
    @property
    def sequence(self) -> int: ...
    @property
    def value(self) -> bytes | None: ...


@dataclass(frozen=True)
class Evidence:
    """`logs`: of every in-sync replica, by place and node. `images`: what each node holds of the metadata, by the name
    of the thing. `topics`: the names of those that there are."""

    history: History
    logs: Mapping[Place, Mapping[int, Sequence[LogRecord]]] = field(default_factory=dict)
    images: Mapping[int, Mapping[str, object]] = field(default_factory=dict)
    topics: frozenset[str] = frozenset()

    def each_log(self) -> Iterator[tuple[Place, int, Sequence[LogRecord]]]:
        for place, replicas in self.logs.items():
            for node_id, log in replicas.items():
                yield place, node_id, log

    def acknowledged(self) -> Iterator[Send]:
        for send in self.history.sends:
            if send.outcome is Outcome.ACKNOWLEDGED:
                yield send

    def senders(self) -> dict[bytes, Send]:
        """Who sent each value."""
        return {value: send for send in self.history.sends for value in send.values}

    def fetches_by_reader(self) -> dict[tuple[str, Place], list[Fetch]]:
        """Each consumer's, in the order in which it made them."""
        found: dict[tuple[str, Place], list[Fetch]] = {}
        for fetch in self.history.fetches:
            found.setdefault((fetch.client, fetch.place), []).append(fetch)
        return found


def named(place: Place) -> str:
    return f"{place[0]}-{place[1]}"


def short(value: bytes | None) -> str:
    """A value by the part that tells it from others: its padding says nothing."""
    return "nothing" if value is None else value.rstrip(b".").decode(errors="replace").strip()
