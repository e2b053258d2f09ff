"""A broker's life beside its work: start, recovery, stop, memory, and what it spends on consumers who wait."""

from __future__ import annotations

import time

from broker.bench.load import Second
from broker.bench.measurement import Measurement, options_of
from broker.bench.options import BenchOptions
from broker.bench.results import SilentObserver
from broker.bench.run import prepare_topic, run_benchmark
from broker.bench.scenario import Scenario
from broker.bench.servers import UnderTest
from broker.bench.wire import BenchError, Cluster, parse_addresses

_PARTITIONS_PER_TOPIC = 1000
_FILL_TIMEOUT_S = 300.0


def measure_start(scenario: Scenario, server: UnderTest, side: str, quick: bool) -> Measurement:
    """Start, fill with partitions that hold a record each, kill -9, restart, stop, restart: each is a figure."""
    figures = {"start_s": server.start(), "resident_mb": server.resident_mb()}
    if scenario.partitions_before:
        _create_partitions(server, scenario.partitions_before)
        server.kill()
        figures["recovery_s"] = server.start()
        figures["stop_s"] = server.stop()
        figures["start_s"] = server.start()
        figures["resident_mb"] = server.resident_mb()
    return Measurement(side=side, figures=figures)


def _create_partitions(server: UnderTest, count: int) -> None:
    per_topic = min(count, _PARTITIONS_PER_TOPIC)
    for number in range(count // per_topic):
        options = BenchOptions(
            bootstrap_servers=server.bootstrap, topic=f"bench-{number}", partitions=per_topic, concurrency=8,
            partitions_per_request=per_topic // 8, message_size=100, message_count=per_topic, acks=1,
            duration_s=_FILL_TIMEOUT_S, request_timeout_ms=120_000,
        )  # fmt: skip
        done = run_benchmark(options, SilentObserver())
        if done.total_messages < per_topic:
            raise BenchError(f"only {done.total_messages:,} of {per_topic:,} partitions got a record: {done.errors}")


def measure_idle(scenario: Scenario, server: UnderTest, side: str, quick: bool) -> Measurement:
    """What the broker spends on consumers who wait: each has one fetch of 500 ms on its way."""
    options = options_of(scenario, server, quick=quick)
    cluster = Cluster(parse_addresses(server.bootstrap))
    prepare_topic(cluster, options)
    cluster.close()
    spent = _Spent(server)
    result = run_benchmark(options, spent)
    if result.errors:
        raise BenchError(f"not all of the {options.consumers:,} consumers could wait: {result.errors}")
    return Measurement(side=side, figures={"cpu_share": spent.share(), "resident_mb": server.resident_mb()})


class _Spent(SilentObserver):
    """The broker's CPU between the first and the last second that was reported."""

    def __init__(self, server: UnderTest) -> None:
        self._server = server
        self._samples: list[tuple[float, float]] = []

    def on_second(self, second: Second) -> None:
        self._samples.append((time.monotonic(), self._server.cpu_s()))

    def share(self) -> float:
        assert len(self._samples) > 1, "it was watched for seconds"
        (began, before), (ended, after) = self._samples[0], self._samples[-1]
        return (after - before) / (ended - began)
