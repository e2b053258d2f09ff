"""How long nobody is served after kill -9 of a leader: three nodes, and writers that wait for all replicas.

The writers keep running, look for the new leader as clients do, and note how long nothing was acknowledged to any of
them. Each time the node is started again and its replica has caught up before the next leader is killed. Afterwards
every acknowledged record is read back.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
import time

from broker.bench.cluster_servers import ClusterServers
from broker.bench.load import LoadResult, Second
from broker.bench.measurement import Measurement, options_of
from broker.bench.produce import run_produce
from broker.bench.results import SilentObserver
from broker.bench.run import prepare_topic
from broker.bench.scenario import QUICK_KILLS, Scenario
from broker.bench.servers import Server, UnderTest
from broker.bench.window import LONG_GAP_NS, NS_PER_S
from broker.bench.wire import BenchError, Cluster, check, parse_addresses
from protocol import ErrorCode, KafkaError

TOPIC = "failover"
# Seconds with acknowledgements before the next thing happens.
_STEADY_S = 2
# Nobody is served for as long: then it is no failover.
GAP_LIMIT_S = 120.0
CATCH_UP_LIMIT_S = 120.0


def measure_failover(scenario: Scenario, server: UnderTest, side: str, quick: bool) -> Measurement:
    assert isinstance(server, ClusterServers), "a failover needs nodes that take over"
    options = dataclasses.replace(options_of(scenario, server, quick=quick), topic=TOPIC)
    cluster = Cluster(parse_addresses(server.bootstrap))
    try:
        prepare_topic(cluster, options)
        killer = LeaderKiller(server, QUICK_KILLS if quick else scenario.kills)
        result = run_produce(cluster, options, killer, seen_enough=lambda: killer.is_done)
    finally:
        cluster.close()
    gaps = gaps_of_kills(result.load, killer.killed_ns)
    if len(gaps) < killer.kills:
        raise BenchError(f"in {options.duration_s:.0f} s leaders could be killed only {len(gaps)} times")
    found = result.verification
    assert found is not None, "a failover is verified"
    return Measurement(
        side=side,
        figures={
            "gap_s": max(gaps),
            "gap_median_s": statistics.median(gaps),
            "failed": result.load.failed,
            "records_per_s": result.load.records_per_s,
            "resident_mb": server.resident_mb(),
        },
        faults=found.faults,
    )


def gaps_of_kills(load: LoadResult, killed_ns: list[int]) -> list[float]:
    """After each kill the longest time without an acknowledgement, in s. Nothing below LONG_GAP is told apart."""
    found = []
    for number, killed in enumerate(killed_ns):
        # A gap that lasts until after the next kill is that one's.
        until = killed_ns[number + 1] if number + 1 < len(killed_ns) else math.inf
        gaps = [end - begin for begin, end in load.gaps if killed < end <= until]
        found.append(max(gaps, default=LONG_GAP_NS) / NS_PER_S)
    return found


class LeaderKiller(SilentObserver):
    """Kills the leader when the writers have been served for a while, and starts it again when they are again."""

    def __init__(self, servers: ClusterServers, kills: int) -> None:
        self.kills = kills
        self.killed_ns: list[int] = []
        self.is_done = False
        self._servers = servers
        self._down: Server | None = None
        self._since_ns = 0  # what happened last; seconds that began before it say nothing
        self._steady_s = 0

    def on_second(self, second: Second) -> None:
        if second.ended_ns - NS_PER_S < self._since_ns:
            return
        self._steady_s = self._steady_s + 1 if second.records else 0
        if self._steady_s >= _STEADY_S:
            self._go_on()
            self._steady_s = 0
            self._since_ns = time.monotonic_ns()
        elif self.killed_ns and second.ended_ns - self._since_ns > GAP_LIMIT_S * NS_PER_S:
            raise BenchError(f"nothing was acknowledged for {GAP_LIMIT_S:.0f} s after a leader was killed")

    def _go_on(self) -> None:
        if self._down is not None:
            self._down.start()
            self._down = None
            self._wait_for_replicas()
        elif len(self.killed_ns) < self.kills:
            self._down = self._leader()
            self.killed_ns.append(time.monotonic_ns())
            self._down.kill()
        else:
            self.is_done = True

    def _leader(self) -> Server:
        cluster = Cluster(parse_addresses(self._servers.bootstrap))
        try:
            return self._servers.at(cluster.wait_for_leaders(TOPIC)[0][1])
        finally:
            cluster.close()

    def _wait_for_replicas(self) -> None:
        """Until every node is in sync again."""
        cluster = Cluster(parse_addresses(self._servers.bootstrap), timeout_s=CATCH_UP_LIMIT_S)

        def require_all() -> None:
            topic = cluster.metadata([TOPIC]).topics[0]
            check(topic.error_code, TOPIC)
            if len(topic.partitions[0].isr_nodes) < len(self._servers.nodes):
                raise KafkaError(ErrorCode.NOT_ENOUGH_REPLICAS, "a replica has not caught up")

        try:
            cluster.retry(require_all)
        finally:
            cluster.close()
