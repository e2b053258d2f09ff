"""Outcomes of scenarios as the suite would have them, with figures that a test chooses."""

from __future__ import annotations

from broker.bench.measurement import Measurement
from broker.bench.scenario import Scenario
from broker.bench.scenarios import SCENARIOS
from broker.bench.suite import Outcome

ABOUT = {"taken": "2026-01-02 03:04 UTC", "commit": "abc1234", "code": "c0de", "quick": False, "rounds": 1}


def scenario_named(name: str) -> Scenario:
    return next(scenario for scenario in SCENARIOS if scenario.name == name)


def outcome_of(name: str, **figures: list[float]) -> Outcome:
    """`commit=[1, 2]`: the figure of each round."""
    scenario = scenario_named(name)
    outcome = Outcome(scenario)
    for side, values in figures.items():
        for number, value in enumerate(values):
            found = dict.fromkeys(("p50_us", "p99_us", "bytes_per_s", "generator_starved"), 0.1) | {
                scenario.metric: value
            }
            outcome.measurements.append(
                Measurement(side=side, figures=found, round=number, distribution=[(10.0, 0.5), (900.0, 1.0)])
            )
    return outcome
