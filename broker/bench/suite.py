"""Runs scenarios on fresh brokers, sides in turn (A B A B), and keeps what came out.

Ratios are of rounds: in each round every side ran once, minutes apart at most, so that what disturbs the machine
disturbs both. A scenario's ratio is the median of its rounds', its spread their smallest and largest.
"""

from __future__ import annotations

import json
import shutil
import statistics
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from broker.bench.measure import Measurement, measure
from broker.bench.noise import NOISY_CORES
from broker.bench.scenarios import MORE_IS_BETTER, OURS, Bar, Scenario
from broker.bench.wire import BenchError
from protocol import KafkaError, ProtocolError

# The fastest scenario of a metric in MB, req/s and so on is told in these words.
UNITS = {
    "records_per_s": ("records/s", 1.0), "bytes_per_s": ("MB/s", 1e-6), "p50_us": ("ms p50", 1e-3),
    "p99_us": ("ms p99", 1e-3), "elapsed_s": ("ms", 1e3), "start_s": ("ms", 1e3), "stop_s": ("ms", 1e3),
    "recovery_s": ("ms", 1e3), "resident_mb": ("MB", 1.0), "cpu_share": ("% of a core", 100.0),
}  # fmt: skip


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
    skipped: str = ""
    failures: list[str] = field(default_factory=list)

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


# One life of a broker (start, kill, restart, stop) has the figures of several scenarios: by partitions, side, round.
Taken = dict[tuple[int, str, int], Measurement]


def ratio(ours: float, peer: float, metric: str) -> float:
    better, worse = (ours, peer) if MORE_IS_BETTER[metric] else (peer, ours)
    return better / worse if worse else float("inf")


def run_suite(
    scenarios: list[Scenario], *, with_peer: bool, rounds: int, quick: bool, console: Console
) -> list[Outcome]:
    outcomes = []
    taken: Taken = {}
    for scenario in scenarios:
        console.print(f"[bold]{scenario.name}[/bold]  {scenario.title}")
        if scenario.needs_cluster:
            outcomes.append(Outcome(scenario, skipped="needs the cluster"))
            console.print("  needs the cluster: not run")
            continue
        outcome = Outcome(scenario)
        sides = [side for side in scenario.sides if with_peer or side in OURS]
        for number in range(rounds):
            for side in sides:
                _run_once(outcome, side, number, taken, quick=quick, console=console)
        for found in outcome.ratios:
            spread = f"{min(found.rounds):.2f} to {max(found.rounds):.2f}"
            console.print(
                f"  {found.bar.ours} ÷ {found.bar.peer}: {found.median:.2f} × ({spread}); must {found.bar.must:g}"
            )
        outcomes.append(outcome)
    return outcomes


def _run_once(outcome: Outcome, side: str, number: int, taken: Taken, *, quick: bool, console: Console) -> None:
    scenario = outcome.scenario
    life = (scenario.partitions_before, side, number) if scenario.kind == "start" else None
    if life is not None and life in taken:
        outcome.measurements.append(taken[life])
        console.print(f"  round {number + 1} {side:<14} {describe(scenario, taken[life])}")
        return
    directory = Path(tempfile.mkdtemp(prefix="millstream-bench-"))
    try:
        found = measure(scenario, side, directory, quick=quick)
    except (BenchError, KafkaError, ProtocolError) as error:
        outcome.failures.append(f"{side}: {error}")
        console.print(f"  round {number + 1} {side}: [red]{error}[/red]", markup=True)
        return
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    if life is not None:
        taken[life] = found
    outcome.measurements.append(found)
    console.print(f"  round {number + 1} {side:<14} {describe(scenario, found)}")


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
    return text


def save(path: Path, outcomes: list[Outcome], about: dict[str, Any]) -> dict[str, Any]:
    """Put these outcomes in the place of earlier ones of the same scenarios; returns all that is there now."""
    stored: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"scenarios": {}}
    for outcome in outcomes:
        if not outcome.measurements and not outcome.skipped:
            continue
        stored["scenarios"][outcome.scenario.name] = {
            "about": about,
            "skipped": outcome.skipped,
            "failures": outcome.failures,
            "faults": outcome.faults,
            "ratios": [{**asdict(found.bar), "rounds": found.rounds} for found in outcome.ratios],
            "sides": {
                side: [found.figures for found in outcome.of(side)]
                for side in outcome.scenario.sides
                if outcome.of(side)
            },
        }
    path.write_text(json.dumps(stored, indent=1) + "\n")
    return stored
