"""One scenario on one fresh broker: what is prepared, what is measured, and what becomes of the broker."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from broker.bench.load import Second
from broker.bench.noise import NoiseMeter
from broker.bench.options import BenchOptions
from broker.bench.peer import Kafka
from broker.bench.produce import run_produce
from broker.bench.results import BenchResult
from broker.bench.run import prepare_topic, run_benchmark
from broker.bench.scenarios import OURS, SIDES, Scenario
from broker.bench.servers import Millstream, Server
from broker.bench.wire import BenchError, Cluster, parse_addresses

_FETCH_FILL: dict[str, Any] = {"concurrency": 4, "records_per_request": 1000, "in_flight": 2, "acks": 1}
_FILL_TIMEOUT_S = 600.0
_PARTITIONS_PER_TOPIC = 1000


@dataclass(slots=True)
class Measurement:
    """One run of a scenario on one side: figures by the names of metrics, and how it was disturbed."""

    side: str
    figures: dict[str, float]
    faults: int = 0
    warnings: list[str] = field(default_factory=list)
    seconds: list[dict[str, float]] = field(default_factory=list)
    distribution: list[tuple[float, float]] = field(default_factory=list)


class SilentObserver:
    def say(self, message: str) -> None:
        """Nobody looks."""

    def on_start(self) -> None:
        """Nobody looks."""

    def on_second(self, second: Second) -> None:
        """Nobody looks."""

    def on_verify(self, records: int) -> None:
        """Nobody looks."""


def measure(scenario: Scenario, side: str, directory: Path, *, quick: bool) -> Measurement:
    settings = {**SIDES[side], **scenario.settings}
    server: Server = Millstream(directory, settings) if side in OURS else Kafka(directory, settings)
    server.prepare()
    kinds: dict[str, Callable[[Scenario, Server, str, bool], Measurement]] = {
        "bench": _measure_bench,
        "fetch": _measure_fetch,
        "start": _measure_start,
        "idle": _measure_idle,
    }
    noise = NoiseMeter()
    try:
        found = kinds[scenario.kind](scenario, server, side, quick)
        found.figures["others_cores"] = noise.others_cores(server.cpu_s())
        return found
    finally:
        server.kill()


def options_of(scenario: Scenario, server: Server, *, quick: bool, **changes: Any) -> BenchOptions:
    fields = {**scenario.options, **(scenario.quick if quick else {}), **changes}
    return BenchOptions(bootstrap_servers=server.bootstrap, topic="bench", **fields)


def _measure_bench(scenario: Scenario, server: Server, side: str, quick: bool) -> Measurement:
    server.start()
    options = options_of(scenario, server, quick=quick)
    if options.message_count:
        # What ends by a count has no warm-up of its own, and a JVM that was never used is no measure of Kafka.
        run_benchmark(dataclasses.replace(options, topic="warm-up"), SilentObserver())
    background = _Background(server, scenario.background_rate) if scenario.background_rate else None
    try:
        result = run_benchmark(options, SilentObserver())
    finally:
        faults = background.stop() if background else 0
    return _measurement(side, result, server, faults)


def _measurement(side: str, result: BenchResult, server: Server, faults: int = 0) -> Measurement:
    if not result.total_messages:
        raise BenchError(f"nothing was measured: {result.errors or 'no answer came'}")
    found = result.verification
    if found is not None:
        faults += found.lost + found.duplicated + found.out_of_order + found.corrupted
    return Measurement(
        side=side,
        figures={
            "records_per_s": result.throughput_msg_per_sec,
            "bytes_per_s": result.throughput_bytes_per_sec,
            "requests_per_s": result.requests_per_sec,
            "elapsed_s": result.duration_secs,
            "p50_us": result.latency_us["p50"],
            "p99_us": result.latency_us["p99"],
            "failed": result.failed_messages,
            "resident_mb": server.resident_mb(),
            "generator_cpu": result.generator_cpu_share,
            "generator_starved": result.generator_starved_share,
            "generator_us": result.generator_us_per_request,
        },
        faults=faults,
        warnings=result.warnings,
        seconds=result.seconds,
        distribution=result.distribution,
    )


def _measure_fetch(scenario: Scenario, server: Server, side: str, quick: bool) -> Measurement:
    """Read what was written beforehand, the second time counts; all of it is in the page cache on both sides."""
    server.start()
    read = options_of(scenario, server, quick=quick)
    count = (scenario.prepared_bytes // (8 if quick else 1)) // read.message_size
    fill = dataclasses.replace(
        read, mode="produce", fan_out=False, consumers=1, message_count=count, duration_s=_FILL_TIMEOUT_S, **_FETCH_FILL
    )
    filled = run_benchmark(fill, SilentObserver())
    if filled.total_messages < count:
        raise BenchError(f"only {filled.total_messages:,} of {count:,} records could be written")
    read = dataclasses.replace(read, message_count=count)
    run_benchmark(read, SilentObserver())
    result = run_benchmark(read, SilentObserver())
    found = _measurement(side, result, server, _measurement(side, filled, server).faults)
    expected = count * (read.consumers if read.fan_out else 1)
    if result.total_messages < expected:
        found.faults += expected - result.total_messages
    return found


def _measure_start(scenario: Scenario, server: Server, side: str, quick: bool) -> Measurement:
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


def _create_partitions(server: Server, count: int) -> None:
    per_topic = min(count, _PARTITIONS_PER_TOPIC)
    for number in range(count // per_topic):
        options = BenchOptions(
            bootstrap_servers=server.bootstrap, topic=f"bench-{number}", partitions=per_topic, concurrency=8,
            partitions_per_request=per_topic // 8, message_size=100, message_count=per_topic, acks=1, duration_s=300.0,
            request_timeout_ms=120_000,
        )  # fmt: skip
        run_benchmark(options, SilentObserver())


def _measure_idle(scenario: Scenario, server: Server, side: str, quick: bool) -> Measurement:
    """What the broker spends on consumers who wait: each has one fetch of 500 ms on its way."""
    server.start()
    options = options_of(scenario, server, quick=quick)
    cluster = Cluster(parse_addresses(server.bootstrap))
    prepare_topic(cluster, options)
    cluster.close()
    spent = _Spent(server, options)
    run_benchmark(options, spent)
    return Measurement(side=side, figures={"cpu_share": spent.share(), "resident_mb": server.resident_mb()})


class _Spent(SilentObserver):
    """The broker's CPU between the first and the last second that was reported."""

    def __init__(self, server: Server, options: BenchOptions) -> None:
        self._server = server
        self._samples: list[tuple[float, float]] = []

    def on_second(self, second: Second) -> None:
        self._samples.append((time.monotonic(), self._server.cpu_s()))

    def share(self) -> float:
        (began, before), (ended, after) = self._samples[0], self._samples[-1]
        return (after - before) / (ended - began)


class _Background:
    """A produce load at a rate beside what is measured; its records are counted, too."""

    def __init__(self, server: Server, rate: float) -> None:
        self._options = BenchOptions(
            bootstrap_servers=server.bootstrap, topic="background", concurrency=64, partitions=8, message_size=256,
            rate_limit=rate, warmup_s=0.0, duration_s=15.0, acks=1,
        )  # fmt: skip
        self._faults = 0
        self._running = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bench-background")
        self._thread.start()
        self._running.wait(60)

    def _run(self) -> None:
        cluster = Cluster(parse_addresses(self._options.bootstrap_servers))
        try:
            prepare_topic(cluster, self._options)
            # The first second warms both sides up.
            result = run_produce(cluster, self._options, on_second=lambda second: self._running.set())
        finally:
            self._running.set()
            cluster.close()
        found = result.verification
        assert found is not None
        self._faults = found.lost + found.duplicated + found.out_of_order + found.corrupted

    def stop(self) -> int:
        self._thread.join()
        return self._faults
