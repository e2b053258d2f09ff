"""The suite: what its scenarios say, how ratios are made, and what reaches the page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from bench_harness.outcomes import ABOUT, outcome_of, scenario_named
from rich.console import Console

from broker.bench.cluster_servers import ClusterServers
from broker.bench.growth import growth_pictures
from broker.bench.load import LoadResult, Second
from broker.bench.measurement import measurement_of
from broker.bench.options import BenchOptions
from broker.bench.performance_page import render, write_page
from broker.bench.report import write_suite_report
from broker.bench.results import result_of
from broker.bench.scenario import MORE_IS_BETTER, SIDES, UNITS, Scenario
from broker.bench.scenarios import SCENARIOS, select
from broker.bench.servers import Millstream
from broker.bench.stored import save
from broker.bench.suite import Suite, groups, ratio
from broker.bench.svg import Line, chart, number_text
from broker.bench.warm_up import Plateau
from broker.bench.wire import BenchError


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


def test_growth_is_drawn_of_two_points_or_more(tmp_path: Path) -> None:
    path = tmp_path / "performance.json"
    one = save(path, outcome_of("growth-size-16", commit=[1.0], kafka=[1.0]), ABOUT)
    assert growth_pictures(one["scenarios"]) == {}

    page = tmp_path / "PERFORMANCE.md"
    page.write_text("<!-- growth -->\n<!-- end -->\n")
    write_page(page, save(path, outcome_of("growth-size-4096", commit=[9.0], kafka=[8.0]), ABOUT))

    names = ["growth-size-throughput", "growth-size-latency"]
    assert [name in page.read_text() for name in names] == [True, True]
    for name in names:
        picture = ElementTree.parse(tmp_path / "performance" / f"{name}.svg").getroot()
        assert len(picture.findall("{http://www.w3.org/2000/svg}circle")) == 4


def test_the_machine_is_told_once_and_by_scenario_where_there_were_two(tmp_path: Path) -> None:
    path = tmp_path / "performance.json"
    about = {**ABOUT, "cores": 2, "cpu": "One", "memory_gb": 24, "system": "Linux", "python": "3.11"}
    about |= {"kafka": "4.3.1", "java": ""}
    one = save(path, outcome_of("start-empty", commit=[1.0]), about)
    two = save(path, outcome_of("stop-1000", commit=[1.0]), {**about, "cpu": "Two"})

    pages = [render("<!-- machine -->\n<!-- end -->\n", stored) for stored in (one, two)]

    assert "2 cores (One), 24 GB" in pages[0] and "`start-empty`" not in pages[0]
    assert "(One)" in pages[1] and "(Two)" in pages[1] and "`stop-1000`" in pages[1]


def suite_of(**changes: Any) -> Suite:
    fields: dict[str, Any] = {"with_peer": True, "rounds": 2, "quick": True, "console": Console(quiet=True)}
    return Suite(**{**fields, **changes})


def test_what_would_not_be_done_in_time_is_not_begun() -> None:
    suite = suite_of(budget_s=100.0)

    assert list(suite.run([scenario_named("auto-create-10")], {"auto-create-10": 101.0})) == []


def test_rounds_that_were_taken_before_are_not_taken_again() -> None:
    suite = suite_of()

    assert list(suite.run([scenario_named("auto-create-10")], {}, {"auto-create-10": 0})) == []


def test_scenarios_that_share_their_brokers_are_measured_together_and_all_others_alone() -> None:
    together = groups([scenario_named(name) for name in ("single-acks1", "bulk-1mb", "single-acksall")])

    assert [[each.name for each in group] for group in together] == [["single-acks1", "single-acksall"], ["bulk-1mb"]]


def test_what_shares_a_broker_needs_one_of_the_same_kind() -> None:
    for group in groups(SCENARIOS):
        assert len({(each.nodes, str(each.settings)) for each in group}) == 1
        assert len(group) == 1 or all(each.kind in ("bench", "fetch") for each in group)


def test_a_round_in_which_one_side_failed_is_compared_with_no_other() -> None:
    outcome = outcome_of("auto-create-10", commit=[1.0, 2.0], kafka=[3.0, 4.0])
    outcome.measurements = [each for each in outcome.measurements if (each.side, each.round) != ("commit", 0)]

    assert [found.rounds for found in outcome.ratios] == [[2.0]]


def test_how_long_a_scenario_takes_is_guessed_from_its_options_until_it_is_known() -> None:
    suite, scenario = suite_of(), scenario_named("growth-size-16")

    assert suite.expected_s(scenario, 30.0) == 30.0
    assert suite.expected_s(scenario, None) > scenario.quick["duration_s"] * 2
    assert suite.expected_s(scenario_named("start-10000"), None) > suite.expected_s(scenario_named("start-1000"), None)
    assert suite.expected_s(scenario_named("failover"), None) < scenario_named("failover").options["duration_s"]
    assert suite_of(with_peer=False).expected_s(scenario, None) < suite.expected_s(scenario, None)


@pytest.mark.parametrize("changes", [{}, {"mode": "consume", "fan_out": True, "consumers": 2}], ids=str)
def test_a_run_that_did_not_do_all_that_was_asked_for_is_no_measurement(changes: dict[str, Any]) -> None:
    load = LoadResult(records=100, requests=100, elapsed_s=60.0)
    options = BenchOptions(message_count=100, **changes)
    result = result_of(options, load, None)
    broker = ClusterServers(Path("unused"), {}, Millstream)

    if changes:
        with pytest.raises(BenchError, match="only 100 of 200"):
            measurement_of("commit", result, broker)
    else:
        assert measurement_of("commit", result, broker).figures["elapsed_s"] == 60.0


def test_a_broker_is_warm_when_it_gets_no_faster() -> None:
    def is_warm_after(*records: int) -> bool:
        plateau = Plateau(4)
        for second, count in enumerate(records):
            plateau.on_second(Second(float(second), records=count, elapsed_s=1.0))
        return plateau.is_reached()

    assert not is_warm_after(100, 100, 100)
    assert not is_warm_after(10, 20, 30, 40, 50, 60, 70, 80)
    assert is_warm_after(10, 20, 30, 40, 80, 81, 79, 80, 82, 80, 81, 83)


def test_a_broker_is_not_warm_before_every_connection_was_served() -> None:
    plateau = Plateau(1, least_records=100)
    for second, count in enumerate((20, 20, 20, 20, 20)):
        assert not plateau.is_reached()
        plateau.on_second(Second(float(second), records=count, elapsed_s=1.0))
    plateau.on_second(Second(6.0, records=500, elapsed_s=1.0))

    assert not plateau.is_reached()
    plateau.on_second(Second(7.0, records=510, elapsed_s=1.0))
    assert plateau.is_reached()


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


@pytest.mark.parametrize("highest, labels", [(100.0, "20 40 60 80 100"), (36_516.0, "8k 16k 24k 32k 40k"), (0.0, "0")])
def test_an_axis_ends_at_a_round_number(highest: float, labels: str) -> None:
    picture = chart("rates", [Line("ours", [(1.0, highest)])], x_label="s", y_label="y")

    assert set(labels.split()) <= set(re.findall(r'text-anchor="end">([^<]+)<', picture))


def test_numbers_on_axes_are_short() -> None:
    assert [number_text(value) for value in (0.25, 12, 3400, 1_200_000)] == ["0.25", "12", "3.4k", "1.2M"]


def test_what_a_request_costs_is_told_by_stage() -> None:
    about = {**ABOUT, "load_average_after": 0.5}
    entry = {"title": "one record", "about": about, "us": 3.5, "stages": {"log": 2.5, "handler": 1.0}}

    page = render("<!-- budget -->\n<!-- end -->\n", {"scenarios": {}, "budget": {"produce": entry}})

    assert "| log | 2.5 |" in page and "| **together** | **3.5** |" in page and "load average 0.5" in page
