"""Runs scenarios on fresh brokers, sides in turn (A B A B), and keeps what came out.

Ratios are of rounds: in each round every side ran once, minutes apart at most, so that what disturbs the machine
disturbs both. A scenario's ratio is the median of its rounds', its spread their smallest and largest.

Scenarios that share brokers (`Scenario.shares`) visit one broker of each side after another, and what each of them
wrote is deleted before the next: a JVM that is warm already need not be warmed up from nothing.
"""

from __future__ import annotations

import math
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from broker.bench.expected import guess_s
from broker.bench.measure import broker_of, delete_topic, measure
from broker.bench.measurement import Measurement
from broker.bench.noise import NOISY_CORES
from broker.bench.scenario import MORE_IS_BETTER, OURS, UNITS, Bar, Scenario
from broker.bench.servers import UnderTest
from broker.bench.time_limit import time_limit
from broker.bench.wire import BenchError
from protocol import KafkaError, ProtocolError

# Of one run of one scenario on one side: the longest, 10,000 partitions of Kafka after kill -9, takes minutes.
RUN_LIMIT_S = 900.0


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
            peers = {each.round: each for each in self.of(bar.peer)}
            pairs = [(each, peers[each.round]) for each in self.of(bar.ours) if each.round in peers]
            rounds = [ratio(ours.figures[metric], peer.figures[metric], metric) for ours, peer in pairs]
            if rounds:
                found.append(Ratio(bar, rounds))
        return found

    @property
    def faults(self) -> int:
        return sum(found.faults for found in self.measurements)

    def add(self, later: Outcome) -> None:
        """What came out of another round."""
        self.measurements += later.measurements
        self.failures += later.failures
        self.took_s += later.took_s


def ratio(ours: float, peer: float, metric: str) -> float:
    better, worse = (ours, peer) if MORE_IS_BETTER[metric] else (peer, ours)
    return better / worse if worse else float("inf")


class Suite:
    """Runs every scenario once, then every one again: what each came to is told as soon as its round is over."""

    def __init__(
        self, *, with_peer: bool, rounds: int, quick: bool, console: Console, budget_s: float = math.inf
    ) -> None:
        self.with_peer = with_peer
        self.rounds = rounds
        self.quick = quick
        self.outcomes: dict[str, Outcome] = {}  # of all rounds so far, by scenario
        self._console = console
        self._deadline = time.monotonic() + budget_s
        # One life of a broker (start, kill, restart, stop) has the figures of several scenarios: by partitions,
        # side and round, with how long it took.
        self._lives: dict[tuple[int, str, int], tuple[Measurement, float]] = {}

    def run(
        self, scenarios: Sequence[Scenario], round_s: Mapping[str, float], rounds_left: Mapping[str, int] | None = None
    ) -> Iterator[Outcome]:
        """An outcome is of one round. `round_s` is how long one took earlier, by scenario; `rounds_left` says how
        many of those that are wanted are missing, where some were taken before."""
        for number in range(self.rounds):
            missing = [each for each in scenarios if number < (rounds_left or {}).get(each.name, self.rounds)]
            for group in groups(missing):
                expected_s = sum(self.expected_s(each, round_s.get(each.name), number) for each in group)
                left_s = self._deadline - time.monotonic()
                if expected_s <= left_s:
                    yield from self._round(group, number)
                    continue
                names = ", ".join(each.name for each in group)
                times = f"it takes about {expected_s:.0f} s and {max(left_s, 0):.0f} s are left"
                self._console.print(f"{names}: round {number + 1} left out, for {times}")

    def sides(self, scenario: Scenario) -> list[str]:
        return [side for side in scenario.sides if self.with_peer or side in OURS]

    def expected_s(self, scenario: Scenario, round_s: float | None, number: int = 0) -> float:
        """Of one round: nothing where its figures are there already, what it took earlier, or a guess."""
        sides = self.sides(scenario)
        if scenario.kind == "start" and all(
            (scenario.partitions_before, side, number) in self._lives for side in sides
        ):
            return 0.0
        return round_s if round_s is not None else guess_s(scenario, sides, quick=self.quick)

    def _round(self, group: Sequence[Scenario], number: int) -> Iterator[Outcome]:
        """Each side has one fresh broker for all scenarios of the group."""
        names = ", ".join(each.name for each in group)
        self._console.print(f"[bold]{names}[/bold]  {group[0].title if len(group) == 1 else ''}", highlight=False)
        found = {each.name: Outcome(each) for each in group}
        for side in dict.fromkeys(side for each in group for side in self.sides(each)):
            visit = _Visit(side)
            try:
                for scenario in group:
                    if side in self.sides(scenario) and time.monotonic() < self._deadline:
                        self._run_once(found[scenario.name], visit, number, is_alone=len(group) == 1)
            finally:
                visit.close()
        for name, outcome in found.items():
            self.outcomes.setdefault(name, Outcome(outcome.scenario)).add(outcome)
            self._tell(self.outcomes[name], outcome.took_s)
            yield outcome

    def _tell(self, outcome: Outcome, took_s: float) -> None:
        """The ratios of all rounds so far."""
        self._console.print(f"  {outcome.scenario.name} took {took_s:.0f} s")
        for found in outcome.ratios:
            spread = f"{min(found.rounds):.2f} to {max(found.rounds):.2f}, rounds: {len(found.rounds)}"
            self._console.print(
                f"    {found.bar.ours} ÷ {found.bar.peer}: {found.median:.2f} × ({spread}); must {found.bar.must:g}"
            )

    def _run_once(self, outcome: Outcome, visit: _Visit, number: int, *, is_alone: bool) -> None:
        scenario, side = outcome.scenario, visit.side
        life = (scenario.partitions_before, side, number)
        began = time.monotonic()
        try:
            if scenario.kind == "start" and life in self._lives:
                found, took_s = self._lives[life]
            else:
                left_s = self._deadline - began
                with time_limit(min(RUN_LIMIT_S, left_s), f"{scenario.name} on {side}"):
                    found = visit.measure(scenario, quick=self.quick, is_alone=is_alone)
                found.round = number
                took_s = time.monotonic() - began
                if scenario.kind == "start":
                    self._lives[life] = found, took_s
        except (BenchError, KafkaError, ProtocolError) as error:
            outcome.took_s += time.monotonic() - began
            outcome.failures.append(f"{side}: {error}")
            self._console.print(f"  round {number + 1} {side}: {error}", style="red", markup=False)
            # Whatever it did to the broker, the next scenario shall not find it.
            visit.close()
            return
        outcome.took_s += took_s
        outcome.measurements.append(found)
        name = "" if is_alone else f"{scenario.name:<26} "
        self._console.print(f"  round {number + 1} {side:<14} {name}{describe(scenario, found)}")


class _Visit:
    """A broker of one side from its first scenario on until it is closed."""

    def __init__(self, side: str) -> None:
        self.side = side
        self._server: UnderTest | None = None
        self._closing = ExitStack()

    def measure(self, scenario: Scenario, *, quick: bool, is_alone: bool) -> Measurement:
        is_fresh = self._server is None
        if self._server is None:
            directory = Path(tempfile.mkdtemp(prefix="millstream-bench-"))
            self._closing.callback(_remove, directory)
            self._server = self._closing.enter_context(broker_of(scenario, self.side, directory))
        found = measure(scenario, self.side, self._server, quick=quick, is_fresh=is_fresh)
        if not is_alone:
            delete_topic(self._server, scenario.name)
        return found

    def close(self) -> None:
        self._server = None
        self._closing.close()


def _remove(directory: Path) -> None:
    """Gigabytes are not left behind by Ctrl-C in the wrong instant."""
    try:
        shutil.rmtree(directory, ignore_errors=True)
    except KeyboardInterrupt:
        shutil.rmtree(directory, ignore_errors=True)
        raise


def groups(scenarios: Sequence[Scenario]) -> list[list[Scenario]]:
    """Scenarios that share their brokers together, where the first of them stands."""
    found: dict[str, list[Scenario]] = {}
    for each in scenarios:
        found.setdefault(each.shares or f"{each.name} alone", []).append(each)
    return list(found.values())


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
