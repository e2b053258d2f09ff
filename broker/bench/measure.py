"""One scenario on one fresh broker: what is prepared, what is measured, and what becomes of the broker."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from broker.bench.cluster_servers import ClusterServers
from broker.bench.failover import measure_failover
from broker.bench.life import measure_idle, measure_start
from broker.bench.load import Second
from broker.bench.measurement import Measurement, measurement_of, options_of
from broker.bench.noise import NoiseMeter
from broker.bench.options import BenchOptions
from broker.bench.peer import Kafka
from broker.bench.produce import run_produce
from broker.bench.results import SilentObserver
from broker.bench.run import prepare_topic, run_benchmark
from broker.bench.scenario import OURS, SIDES, Scenario
from broker.bench.servers import Millstream, UnderTest
from broker.bench.warm_up import INTERPRETER_WARMUP_S, PLATEAU_S, warm_up_by_count, warm_up_by_time
from broker.bench.wire import BenchError, Cluster, parse_addresses
from protocol import KafkaError, ProtocolError

_FETCH_FILL: dict[str, Any] = {"concurrency": 4, "records_per_request": 1000, "in_flight": 2, "acks": 1}
_FILL_TIMEOUT_S = 600.0
_QUICK_SHARE = 2  # what is read by --quick of what is read otherwise: less would be over before it is measured
# Until it runs, and until it is over: it reads back what it wrote, too.
_BACKGROUND_LIMIT_S = 120.0


@contextmanager
def broker_of(scenario: Scenario, side: str, directory: Path) -> Iterator[UnderTest]:
    """A broker that was never started, and is gone afterwards."""
    settings = {**SIDES[side], **scenario.settings}
    make = Millstream if side in OURS else Kafka
    server: UnderTest = make(directory, settings) if scenario.nodes == 1 else ClusterServers(directory, settings, make)
    server.prepare()
    try:
        yield server
    finally:
        server.kill()


def measure(scenario: Scenario, side: str, server: UnderTest, *, quick: bool, is_fresh: bool = True) -> Measurement:
    """Starts the broker if it is fresh; if not, it runs, and other scenarios were measured on it before."""
    kinds: dict[str, Callable[[Scenario, UnderTest, str, bool], Measurement]] = {
        "bench": _measure_bench,
        "fetch": _measure_fetch,
        "start": measure_start,
        "idle": measure_idle,
        "failover": measure_failover,
    }
    noise, spent_s = NoiseMeter(), server.cpu_s()
    if is_fresh and scenario.kind != "start":
        server.start()
    found = kinds[scenario.kind](scenario, server, side, quick)
    found.figures["others_cores"] = noise.others_cores(server.cpu_s() - spent_s)
    if not is_fresh:
        # What was measured before has left its part in the memory.
        found.figures.pop("resident_mb", None)
    return found


def _measure_bench(scenario: Scenario, server: UnderTest, side: str, quick: bool) -> Measurement:
    options = options_of(scenario, server, quick=quick)
    kind = "interpreter" if side in OURS else "jvm"
    began = time.monotonic()
    if options.message_count:
        warm_up_by_count(options)
    elif options.mode == "produce":
        warm_up_by_time(options, plateau_s=PLATEAU_S[kind], quick=quick)
    elif kind == "interpreter":
        options = dataclasses.replace(options, warmup_s=min(options.warmup_s, INTERPRETER_WARMUP_S))
    warmed_up_s = time.monotonic() - began
    if scenario.background_rate:
        found = _measure_beside(_Background(server, scenario.background_rate), side, options, server)
    else:
        found = measurement_of(side, run_benchmark(options, SilentObserver()), server)
    found.figures["warmed_up_s"] = warmed_up_s
    return found


def _measure_beside(background: _Background, side: str, options: BenchOptions, server: UnderTest) -> Measurement:
    try:
        result = run_benchmark(options, SilentObserver())
    finally:
        background.stop()
    found = measurement_of(side, result, server, background.faults)
    found.figures["background_per_s"] = background.records_per_s
    return found


def _measure_fetch(scenario: Scenario, server: UnderTest, side: str, quick: bool) -> Measurement:
    """Read what was written beforehand, at last to be counted; all of it is in the page cache on both sides.

    What an earlier scenario on the same broker wrote of the same size is read again."""
    read = options_of(scenario, server, quick=quick)
    count = (scenario.prepared_bytes // (_QUICK_SHARE if quick else 1)) // read.message_size
    read = dataclasses.replace(read, topic=f"filled-{count}", message_count=count)
    with closing(Cluster(parse_addresses(server.bootstrap))) as cluster:
        is_filled = _has_topic(cluster, read.topic)
    faults = 0 if is_filled else _fill(read, server, side)
    warm_up_by_count(read)
    return measurement_of(side, run_benchmark(read, SilentObserver()), server, faults)


def _fill(read: BenchOptions, server: UnderTest, side: str) -> int:
    """Returns how many records are not there as they should be."""
    fill = dataclasses.replace(
        read, mode="produce", fan_out=False, consumers=1, duration_s=_FILL_TIMEOUT_S, **_FETCH_FILL
    )
    return measurement_of(side, run_benchmark(fill, SilentObserver()), server).faults


def delete_topic(server: UnderTest, topic: str) -> None:
    """What one scenario wrote is not there when the next is measured; one that wrote nothing has no topic."""
    with closing(Cluster(parse_addresses(server.bootstrap))) as cluster:
        if _has_topic(cluster, topic):
            cluster.delete_topic(topic)


def _has_topic(cluster: Cluster, topic: str) -> bool:
    return not cluster.metadata([topic]).topics[0].error_code


class _Background(SilentObserver):
    """A produce load at a rate beside what is measured, from its making to its stop; its records are counted, too."""

    def __init__(self, server: UnderTest, rate: float) -> None:
        self.faults = 0
        self.records_per_s = 0.0
        self._options = BenchOptions(
            bootstrap_servers=server.bootstrap, topic="background", concurrency=64, partitions=8, message_size=256,
            rate_limit=rate, warmup_s=0.0, duration_s=_BACKGROUND_LIMIT_S, acks=1,
        )  # fmt: skip
        self._failure: BenchError | None = None
        self._running, self._enough = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._guarded, name="bench-background", daemon=True)
        self._thread.start()
        self._running.wait(_BACKGROUND_LIMIT_S)

    def on_second(self, second: Second) -> None:
        # The first second warms both sides up.
        self._running.set()

    def _guarded(self) -> None:
        try:
            self._run()
        except (BenchError, KafkaError, ProtocolError) as error:
            self._failure = BenchError(f"the load beside it failed: {error}")
        finally:
            self._running.set()

    def _run(self) -> None:
        cluster = Cluster(parse_addresses(self._options.bootstrap_servers))
        try:
            prepare_topic(cluster, self._options)
            result = run_produce(cluster, self._options, self, seen_enough=self._enough.is_set)
        finally:
            cluster.close()
        assert result.verification is not None, "the options ask for it"
        self.faults = result.verification.faults
        self.records_per_s = result.load.records_per_s

    def stop(self) -> None:
        """When this returns, everything was read back. BenchError if it did not run through."""
        self._enough.set()
        self._thread.join(_BACKGROUND_LIMIT_S)
        if self._thread.is_alive():
            raise BenchError(f"the load beside it did not end within {_BACKGROUND_LIMIT_S:.0f} s")
        if self._failure is not None:
            raise self._failure
