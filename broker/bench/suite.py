"""Runs scenarios on fresh brokers, sides in turn (A B A B), and keeps what came out.

Ratios are of rounds: in each round every side ran once, minutes apart at most, so that what disturbs the machine
disturbs both. A scenario's ratio is the median of its rounds', its spread their smallest and largest.
"""

from __future__ import annotations

import math
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from broker.bench.measure import measure
from broker.bench.measurement import Measurement
from broker.bench.noise import NOISY_CORES
from broker.bench.scenario import MORE_IS_BETTER, OURS, UNITS, Bar, Scenario
from broker.bench.time_limit import time_limit
from broker.bench.wire import BenchError
from protocol import KafkaError, ProtocolError

# Of one run of one scenario on one side: the longest, 10,000 partitions of Kafka after kill -9, takes minutes.
RUN_LIMIT_S = 900.0
# Where nothing is known of a scenario from earlier: a broker's start and end, warming up, the fill, reading back.
_AROUND_A_RUN_S = 25.0
_PER_NODE_S = 8.0
_PER_PARTITION_S = 0.015
_PER_KILL_S = 15.0


@dataclass(slots=True)
class Ratio:
    """How many times as good ours was; above 1 is better, whatever the metric."""

    bar: Bar
    rounds: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)


@dataclass(slots=True)
class Outcome:
    scenario: Scenario
    measurements: list[Measurement] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    took_s: float = 0.0

    def of(self, side: str) -> list[Measurement]:
        return [found for found in self.measurements if found.side == side]

    def median(self, side: str, metric: str = "") -> float | None:
        values = [found.figures[metric or self.scenario.metric] for found in self.of(side)]
        return statistics.median(values) if values else None

    @property
    def ratios(self) -> list[Ratio]:
        metric = self.scenario.metric
        found = []
        for bar in self.scenario.bars:
            pairs = zip(self.of(bar.ours), self.of(bar.peer), strict=False)
            rounds = [ratio(ours.figures[metric], peer.figures[metric], metric) for ours, peer in pairs]
            if rounds:
                found.append(Ratio(bar, rounds))
        return found

    @property
    def faults(self) -> int:
        return sum(found.faults for found in self.measurements)


def ratio(ours: float, peer: float, metric: str) -> float:
    better, worse = (ours, peer) if MORE_IS_BETTER[metric] else (peer, ours)
    return better / worse if worse else float("inf")


class Suite:
    """Runs scenarios one after another; what each came to is told as soon as it is over."""

    def __init__(
        self, *, with_peer: bool, rounds: int, quick: bool, console: Console, budget_s: float = math.inf
    ) -> None:
        self.with_peer = with_peer
        self.rounds = rounds
        self.quick = quick
        self._console = console
        self._deadline = time.monotonic() + budget_s
        # One life of a broker (start, kill, restart, stop) has the figures of several scenarios: by partitions,
        # side and round, with how long it took.
        self._lives: dict[tuple[int, str, int], tuple[Measurement, float]] = {}

    def run(self, scenarios: Sequence[Scenario], round_s: Mapping[str, float]) -> Iterator[Outcome]:
        """`round_s` is how long a round took earlier, by scenario."""
        for scenario in scenarios:
            left_s = self._deadline - time.monotonic()
            expected_s = self.expected_s(scenario, round_s.get(scenario.name))
            if expected_s > left_s:
                times = f"it takes about {expected_s:.0f} s and {max(left_s, 0):.0f} s are left"
                self._console.print(f"{scenario.name}: left out, for {times}")
                continue
            yield self._run(scenario)

    def sides(self, scenario: Scenario) -> list[str]:
        return [side for side in scenario.sides if self.with_peer or side in OURS]

    def expected_s(self, scenario: Scenario, round_s: float | None) -> float:
        sides = self.sides(scenario)
        if scenario.kind == "start" and all(
            (scenario.partitions_before, side, number) in self._lives for side in sides for number in range(self.rounds)
        ):
            return 0.0
        if round_s is not None:
            return round_s * self.rounds
        return (self._timed_s(scenario) + _AROUND_A_RUN_S) * len(sides) * self.rounds

    def _timed_s(self, scenario: Scenario) -> float:
        """Of what has a fixed length, or a known share in how long a run takes."""
        options: dict[str, Any] = {**scenario.options, **(scenario.quick if self.quick else {})}
        known_s = (scenario.nodes - 1) * _PER_NODE_S
        known_s += scenario.partitions_before * _PER_PARTITION_S + scenario.kills * _PER_KILL_S
        if scenario.kind in ("bench", "idle") and "message_count" not in options:
            known_s += float(options.get("warmup_s", 0.0)) + float(options["duration_s"])
        return known_s

    def _run(self, scenario: Scenario) -> Outcome:
        self._console.print(f"[bold]{scenario.name}[/bold]  {scenario.title}")
        outcome = Outcome(scenario)
        for number in range(self.rounds):
            for side in self.sides(scenario):
                if time.monotonic() < self._deadline:
                    self._run_once(outcome, side, number)
        for found in outcome.ratios:
            spread = f"{min(found.rounds):.2f} to {max(found.rounds):.2f}"
            self._console.print(
                f"  {found.bar.ours} ÷ {found.bar.peer}: {found.median:.2f} × ({spread}); must {found.bar.must:g}"
            )
        self._console.print(f"  took {outcome.took_s:.0f} s")
        return outcome

    def _run_once(self, outcome: Outcome, side: str, number: int) -> None:
        scenario = outcome.scenario
        life = (scenario.partitions_before, side, number)
        if scenario.kind == "start" and life in self._lives:
            found, took_s = self._lives[life]
        else:
            began = time.monotonic()
            try:
                found = self._measure(scenario, side)
            except (BenchError, KafkaError, ProtocolError) as error:
                outcome.took_s += time.monotonic() - began
                outcome.failures.append(f"{side}: {error}")
                self._console.print(f"  round {number + 1} {side}: {error}", style="red", markup=False)
                return
            took_s = time.monotonic() - began
            if scenario.kind == "start":
                self._lives[life] = found, took_s
        outcome.took_s += took_s
        outcome.measurements.append(found)
        self._console.print(f"  round {number + 1} {side:<14} {describe(scenario, found)}")

    def _measure(self, scenario: Scenario, side: str) -> Measurement:
        left_s = self._deadline - time.monotonic()
        directory = Path(tempfile.mkdtemp(prefix="millstream-bench-"))
        try:
            with time_limit(min(RUN_LIMIT_S, left_s), f"{scenario.name} on {side}"):
                return measure(scenario, side, directory, quick=self.quick)
        finally:
            shutil.rmtree(directory, ignore_errors=True)


def describe(scenario: Scenario, found: Measurement) -> str:
    unit, factor = UNITS[scenario.metric]
    text = f"{found.figures[scenario.metric] * factor:12,.1f} {unit}"
    if "p50_us" in found.figures:
        text += f"   p50 {found.figures['p50_us'] / 1000:.2f} ms, p99 {found.figures['p99_us'] / 1000:.2f} ms"
    if "generator_us" in found.figures:
        text += (
            f"   generator {found.figures['generator_cpu']:.0%} of a core, starved "
            f"{found.figures['generator_starved']:.0%}"
        )
    if found.figures.get("others_cores", 0.0) > NOISY_CORES:
        text += f"   [yellow]others used {found.figures['others_cores']:.1f} cores[/yellow]"
    if found.faults:
        text += f"   [red]{found.faults:,} faults[/red]"
    for warning in found.warnings:
        text += f"\n      [yellow]{warning}[/yellow]"
    return text
