"""What becomes of a connection that was lost: it finds its partitions' leader and goes on there.

A consumer goes on at the offset where it was. A producer with an id goes on as another producer: nobody knows which
of the lost requests the broker has, and a gap in the sequences would be refused. What was lost is in the connection's
account, and whether it is there the verification says.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

from broker.bench.leader_watch import LeaderWatch
from broker.bench.wire import Address
from protocol import ErrorCode

RETRY_NS = 20_000_000
# The connection is made in the loop's thread, to a broker that was just said to lead.
_CONNECT_TIMEOUT_S = 1.0

# Answers after which a connection has to look for the leader again.
MOVED = frozenset(
    {
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode.LEADER_NOT_AVAILABLE,
        ErrorCode.NOT_LEADER_OR_FOLLOWER,
        ErrorCode.KAFKA_STORAGE_ERROR,
    }
)

now_ns = time.monotonic_ns


class Lost(Protocol):
    """A producer's or a consumer's connection."""

    address: Address
    partitions: list[int]
    producers: list[tuple[int, int]]  # none where it has no producer id

    def connect(self, timeout_s: float) -> None: ...
    def begin_producer(self, producer_id: int, producer_epoch: int) -> None: ...


C = TypeVar("C", bound=Lost)


class Reconnector(Generic[C]):
    """Keeps connections that were lost until they are connected again."""

    def __init__(self, watch: LeaderWatch) -> None:
        self._watch = watch
        # When it is tried next, when it was lost, and which.
        self._lost: deque[tuple[int, int, C]] = deque()

    def __len__(self) -> int:
        return len(self._lost)

    def lost(self, connection: C) -> None:
        now = now_ns()
        self._lost.append((now, now, connection))
        self._watch.ask(len(self._lost))

    def connected(self, now: int) -> Iterator[C]:
        """Those whose turn it is and who found their leader; the others have another turn soon."""
        while self._lost and self._lost[0][0] <= now:
            _, lost_ns, connection = self._lost.popleft()
            if self._connect(connection, lost_ns):
                yield connection
            else:
                self._lost.append((now + RETRY_NS, lost_ns, connection))
                self._watch.ask(len(self._lost))

    def _connect(self, connection: C, lost_ns: int) -> bool:
        leader = self._watch.leader_of(connection.partitions, lost_ns)
        if leader is None or (connection.producers and not self._watch.producer_ids):
            return False
        connection.address = leader
        try:
            connection.connect(_CONNECT_TIMEOUT_S)
        except OSError:
            return False
        if connection.producers:
            connection.begin_producer(*self._watch.producer_ids.popleft())
        return True
