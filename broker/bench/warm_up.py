"""Warms a broker up until it is as fast as it gets: a JVM compiles for many seconds what it is used for, we do not.

A warm-up of a fixed length would be too short for the one and wasted on the other. The rule is the same for both, but
a JVM is watched for longer: it gets faster in steps, with seconds between them in which nothing seems to happen.
"""

from __future__ import annotations

import dataclasses
import statistics

from broker.bench.load import Second
from broker.bench.options import BenchOptions
from broker.bench.produce import run_produce
from broker.bench.results import SilentObserver
from broker.bench.run import prepare_topic, run_benchmark
from broker.bench.wire import Cluster, parse_addresses

# It has become no faster when so many seconds were no better than those before them by more than this share.
PLATEAU_S = {"jvm": 4, "interpreter": 2}
GAIN = 0.05
# And not before every connection was answered so often.
TIMES_EACH = 5
# Where what is measured does not warm itself up: so long is enough for what compiles nothing.
INTERPRETER_WARMUP_S = 5.0
LIMIT_S, QUICK_LIMIT_S = 60.0, 30.0
# Work that ends by a count is repeated until it was no faster than the time before, and at most so often.
REPEATS_MAX = 6
REPEATED_GAIN = 0.1


class Plateau(SilentObserver):
    """Looks at the rates of the seconds: the last `plateau_s` of them, and as many before.

    None of these count before `least_records`: the first writes to many partitions may be slow for longer than that,
    and evenly so."""

    def __init__(self, plateau_s: int, least_records: int = 0) -> None:
        self._plateau_s = plateau_s
        self._records_left = least_records
        self._rates: list[float] = []

    def on_second(self, second: Second) -> None:
        self._records_left -= second.records
        if self._records_left <= 0:
            self._rates.append(second.records / second.elapsed_s if second.elapsed_s else 0.0)

    def is_reached(self) -> bool:
        count = self._plateau_s
        if len(self._rates) < 2 * count:
            return False
        before, now = self._rates[-2 * count : -count], self._rates[-count:]
        return statistics.fmean(now) < statistics.fmean(before) * (1 + GAIN)


def warm_up_by_time(options: BenchOptions, *, plateau_s: int, quick: bool) -> None:
    """The same load on the same topic; what it writes is not read back."""
    limit_s = QUICK_LIMIT_S if quick else LIMIT_S
    options = dataclasses.replace(options, warmup_s=0.0, duration_s=limit_s, verify=False)
    plateau = Plateau(plateau_s, TIMES_EACH * options.concurrency * options.records_per_frame)
    cluster = Cluster(parse_addresses(options.bootstrap_servers))
    try:
        prepare_topic(cluster, options)
        run_produce(cluster, options, plateau, seen_enough=plateau.is_reached)
    finally:
        cluster.close()


def warm_up_by_count(options: BenchOptions) -> None:
    """The same work again and again, on the same topic where there is one: the first write to a partition is not what
    is measured. What it writes is not read back."""
    options = dataclasses.replace(options, verify=False)
    took_s = float("inf")
    for _ in range(REPEATS_MAX):
        before_s, took_s = took_s, run_benchmark(options, SilentObserver()).duration_secs
        if took_s > before_s * (1 - REPEATED_GAIN):
            return
