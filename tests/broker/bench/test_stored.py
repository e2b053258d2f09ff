"""What the suite keeps: the newest of each scenario, nothing worse in the place of something whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench_harness.outcomes import ABOUT, outcome_of

from broker.bench.stored import durations, load, rounds_left, save

NAME = "auto-create-10"
SIDES = ["commit", "kafka"]


def taken(path: Path, **changes: Any) -> dict[str, Any]:
    outcome = outcome_of(NAME, commit=[0.01], kafka=[0.3])
    return dict(save(path / "performance.json", outcome, {**ABOUT, **changes})["scenarios"][NAME])


def test_a_run_in_which_a_side_failed_does_not_replace_a_whole_one(tmp_path: Path) -> None:
    whole = taken(tmp_path)
    broken = outcome_of(NAME, commit=[0.02])
    broken.failures.append("kafka: it did not become ready")

    stored = save(tmp_path / "performance.json", broken, ABOUT)

    assert stored["scenarios"][NAME] == whole


def test_a_failure_is_kept_where_there_was_nothing(tmp_path: Path) -> None:
    broken = outcome_of(NAME)
    broken.failures.append("kafka: it did not become ready")

    save(tmp_path / "performance.json", broken, ABOUT)

    assert load(tmp_path / "performance.json")["scenarios"][NAME]["failures"] == ["kafka: it did not become ready"]


def test_what_was_measured_of_this_code_is_not_measured_again(tmp_path: Path) -> None:
    entry = taken(tmp_path)

    assert rounds_left(entry, SIDES, ABOUT) == 0
    assert rounds_left(None, SIDES, ABOUT) == 1
    assert rounds_left(entry, SIDES, {**ABOUT, "code": "other"}) == 1
    assert rounds_left(entry, SIDES, {**ABOUT, "rounds": 3}) == 2
    assert rounds_left(entry, [*SIDES, "os"], ABOUT) == 1


def test_rounds_are_added_to_those_of_the_same_code_and_to_no_others(tmp_path: Path) -> None:
    path = tmp_path / "performance.json"
    for code, commit, kafka in (("old", 0.5, 0.5), ("c0de", 0.01, 0.3), ("c0de", 0.02, 0.3)):
        outcome = outcome_of(NAME, commit=[commit], kafka=[kafka])
        entry = save(path, outcome, {**ABOUT, "code": code}, add=True)["scenarios"][NAME]

    assert [run["elapsed_s"] for run in entry["sides"]["commit"]] == [0.01, 0.02]
    assert entry["ratios"][0]["rounds"] == [30.0, 15.0]
    assert rounds_left(entry, SIDES, {**ABOUT, "rounds": 2}) == 0


def test_a_round_in_which_a_side_failed_is_told_and_not_added(tmp_path: Path) -> None:
    taken(tmp_path)
    broken = outcome_of(NAME, commit=[0.02])
    broken.failures.append("kafka: it did not become ready")

    entry = save(tmp_path / "performance.json", broken, ABOUT, add=True)["scenarios"][NAME]

    assert [len(runs) for runs in entry["sides"].values()] == [1, 1]
    assert entry["failures"] == broken.failures
    assert rounds_left(entry, SIDES, {**ABOUT, "rounds": 2}) == 1


def test_a_quick_run_is_none_for_who_wants_a_whole_one(tmp_path: Path) -> None:
    quick = taken(tmp_path, quick=True)

    assert rounds_left(quick, SIDES, ABOUT) == 1
    assert rounds_left(quick, SIDES, {**ABOUT, "quick": True}) == 0


def test_quick_rounds_are_not_added_to_whole_ones(tmp_path: Path) -> None:
    whole = taken(tmp_path)

    assert rounds_left(whole, SIDES, {**ABOUT, "quick": True, "rounds": 1}) == 0
    assert rounds_left(whole, SIDES, {**ABOUT, "quick": True, "rounds": 3}) == 3


def test_how_long_a_round_took_is_kept_for_each_kind_of_run(tmp_path: Path) -> None:
    outcome = outcome_of(NAME, commit=[0.01], kafka=[0.3])
    for quick, rounds, took_s in ((True, 1, 20.0), (False, 3, 180.0)):
        outcome.took_s = took_s
        stored = save(tmp_path / "performance.json", outcome, {**ABOUT, "quick": quick, "rounds": rounds})

    assert durations(stored, quick=True) == {NAME: 20.0}
    assert durations(stored, quick=False) == {NAME: 60.0}
