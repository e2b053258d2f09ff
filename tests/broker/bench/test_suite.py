"""The suite: what its scenarios say, how ratios are made, and what reaches the page."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from broker.bench.measurement import Measurement
from broker.bench.options import BenchOptions
from broker.bench.performance_page import render
from broker.bench.report import write_suite_report
from broker.bench.scenario import MORE_IS_BETTER, SIDES, UNITS, Scenario
from broker.bench.scenarios import SCENARIOS, select
from broker.bench.stored import save
from broker.bench.suite import Outcome, ratio
from broker.bench.svg import Line, chart, number_text

ABOUT = {"taken": "2026-01-02 03:04 UTC", "commit": "abc1234", "code": "c0de", "quick": False, "rounds": 1}


def scenario_named(name: str) -> Scenario:
    return next(scenario for scenario in SCENARIOS if scenario.name == name)


def outcome_of(name: str, **figures: list[float]) -> Outcome:
    """`commit=[1, 2]`: the figure of each round."""
    scenario = scenario_named(name)
    outcome = Outcome(scenario)
    for side, values in figures.items():
        for value in values:
            found = dict.fromkeys(("p50_us", "p99_us", "generator_starved"), 0.1) | {scenario.metric: value}
            outcome.measurements.append(Measurement(side=side, figures=found, distribution=[(10.0, 0.5), (900.0, 1.0)]))
    return outcome


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_every_scenario_can_be_asked_for(scenario: Scenario) -> None:
    for quick in ({}, scenario.quick):
        BenchOptions(**{**scenario.options, **quick})
    assert scenario.metric in MORE_IS_BETTER and scenario.metric in UNITS
    assert set(scenario.sides) <= set(SIDES)
    for bar in scenario.bars:
        assert {bar.ours, bar.peer} <= set(scenario.sides)
        assert bar.must <= bar.aim


def test_scenarios_have_names_of_their_own_and_all_numbers_of_the_list() -> None:
    names = [scenario.name for scenario in SCENARIOS]

    assert len(set(names)) == len(names)
    assert {scenario.number for scenario in SCENARIOS} == set(range(1, 10))


def test_scenarios_are_chosen_by_name_beginning_or_number() -> None:
    assert {scenario.name for scenario in select(["single*"])} == {"single-acks1", "single-acksall"}
    assert {scenario.name for scenario in select(["start-1000"])} == {"start-1000"}
    assert {scenario.number for scenario in select(["7"])} == {7}
    assert len(select([])) == len(SCENARIOS)


def test_a_ratio_above_one_is_better_whatever_is_measured() -> None:
    assert ratio(200.0, 100.0, "records_per_s") == 2.0
    assert ratio(50.0, 100.0, "p99_us") == 2.0


def test_ratios_are_of_rounds_and_their_median_stands_for_them() -> None:
    outcome = outcome_of("auto-create-10", commit=[1.0, 2.0, 1.0], kafka=[3.0, 4.0, 5.0])

    (found,) = outcome.ratios
    assert found.rounds == [3.0, 2.0, 5.0]
    assert found.median == 3.0


def test_without_a_peer_there_is_no_ratio() -> None:
    assert outcome_of("auto-create-10", commit=[1.0]).ratios == []


def test_what_is_not_run_again_stays_on_the_page(tmp_path: Path) -> None:
    path = tmp_path / "performance.json"
    save(path, outcome_of("auto-create-10", commit=[0.010], kafka=[0.350]), ABOUT)
    stored = save(path, outcome_of("auto-create-128", commit=[0.1], kafka=[0.9]), ABOUT)

    page = render("before\n<!-- table 7 -->\nold\n<!-- end -->\nafter\n", stored)

    assert "old" not in page and page.startswith("before\n") and page.endswith("after\n")
    assert "**35.00 ×**" in page and "**9.00 ×**" in page


def test_on_a_noisy_machine_nothing_is_said_of_bars(tmp_path: Path) -> None:
    quiet, noisy = (outcome_of("auto-create-10", commit=[0.01], kafka=[0.35]) for _ in range(2))
    noisy.measurements[0].figures["others_cores"] = 1.5
    pages = [
        render("<!-- table 7 -->\n<!-- end -->\n", save(tmp_path / name, outcome, ABOUT))
        for name, outcome in (("quiet", quiet), ("noisy", noisy))
    ]

    assert ["✓" in page for page in pages] == [True, False]
    assert "other programs used up to 1.5 cores" in pages[1]


def test_faults_are_told_on_the_page(tmp_path: Path) -> None:
    outcome = outcome_of("auto-create-10", commit=[1.0])
    outcome.measurements[0].faults = 3

    page = render("<!-- table 7 -->\n<!-- end -->\n", save(tmp_path / "performance.json", outcome, ABOUT))

    assert "3 records lost" in page


def test_the_report_is_a_page_with_whole_pictures(tmp_path: Path) -> None:
    page = write_suite_report(str(tmp_path), [outcome_of("auto-create-10", commit=[0.01], kafka=[0.3])])

    assert "auto-create-10" in Path(page).read_text()
    picture = ElementTree.parse(tmp_path / "auto-create-10-latency.svg").getroot()
    assert len(picture.findall("{http://www.w3.org/2000/svg}polyline")) == 2


def test_a_chart_of_nothing_is_still_a_chart() -> None:
    ElementTree.fromstring(chart("empty", [Line("a & b", [])], x_label="<x>", y_label="y", x_is_log=True))


def test_numbers_on_axes_are_short() -> None:
    assert [number_text(value) for value in (0.25, 12, 3400, 1_200_000)] == ["0.25", "12", "3.4k", "1.2M"]
