"""Where leaders are and which producer ids are free, asked in a thread of its own while a worker has lost connections.

The hot loop must not wait for an answer: others of its connections are measured meanwhile. So it says what it wants,
and looks at what was answered since.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence

from broker.bench.wire import Address, BenchError, Cluster, parse_addresses
from protocol import KafkaError, ProtocolError

# A broker that hangs must not keep the others from being asked.
_ASK_TIMEOUT_S = 2.0
_IDS_AT_ONCE_MAX = 1024


class LeaderWatch:
    """Made by the worker, which closes it when its run is over."""

    def __init__(self, bootstrap_servers: str, topic: str, *, with_producer_ids: bool) -> None:
        self.leaders: dict[int, Address | None] = {}
        self.asked_ns = 0  # when the question was put whose answer `leaders` is
        self.producer_ids: deque[tuple[int, int]] = deque()
        self._topic = topic
        self._ids_wanted = 0
        self._with_producer_ids = with_producer_ids
        self._cluster = Cluster(parse_addresses(bootstrap_servers), timeout_s=_ASK_TIMEOUT_S)
        self._wanted = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="bench-leaders", daemon=True)
        self._thread.start()

    def ask(self, connections: int) -> None:
        """For the leaders as they are now and, if there are any, for as many producer ids."""
        self._ids_wanted = min(connections, _IDS_AT_ONCE_MAX) if self._with_producer_ids else 0
        self._wanted.set()

    def leader_of(self, partitions: Sequence[int], since_ns: int) -> Address | None:
        """Who leads all of these, as somebody said after `since_ns`; None if nobody does, or nobody said."""
        if self.asked_ns <= since_ns:
            return None
        found = {self.leaders.get(partition) for partition in partitions}
        return found.pop() if len(found) == 1 else None

    def close(self) -> None:
        self._closed = True
        self._wanted.set()
        self._thread.join()
        self._cluster.close()

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            if self._closed:
                return
            try:
                self._ask()
            except (BenchError, KafkaError, ProtocolError):
                # Asked again as long as a connection is lost; another broker may answer then.
                self._cluster.close()

    def _ask(self) -> None:
        asked_ns = time.monotonic_ns()
        self.leaders = self._cluster.leaders_known(self._topic)
        self.asked_ns = asked_ns
        while len(self.producer_ids) < self._ids_wanted:
            self.producer_ids.append(self._cluster.ask_producer_id())
