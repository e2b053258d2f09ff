"""docs/performance.json: what the suite found, by scenario. A scenario that is run again takes its own place anew.

How long a round of it took is kept beside that, for the quick and the full suite: a budget of minutes is made of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from broker.bench.suite import Outcome


def load(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {"scenarios": {}, "round_s": {}}
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def save(path: Path, outcome: Outcome, about: Mapping[str, Any], *, add: bool = False) -> dict[str, Any]:
    """Returns all that is there now. Where a side brought nothing that is there already, what is there stays.

    With `add` its rounds come to those of the same code; a round in which a side failed only leaves its failure."""
    stored = load(path)
    name = outcome.scenario.name
    entry = _entry(outcome, about)
    earlier = stored["scenarios"].get(name)
    if add and earlier is not None and _is_same(earlier["about"], about):
        entry = _together(earlier, entry)
    if earlier is None or set(entry["sides"]) >= set(earlier["sides"]):
        stored["scenarios"][name] = entry
    if not outcome.failures and outcome.took_s:
        round_s = stored.setdefault("round_s", {}).setdefault(name, {})
        round_s[_kind(about["quick"])] = round(outcome.took_s / about["rounds"])
    write(path, stored)
    return stored


def write(path: Path, stored: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(stored, indent=1) + "\n")


def durations(stored: Mapping[str, Any], *, quick: bool) -> dict[str, float]:
    """Seconds of a round, by scenario."""
    found = stored.get("round_s", {})
    return {name: float(took[_kind(quick)]) for name, took in found.items() if _kind(quick) in took}


def _kind(quick: bool) -> str:
    return "quick" if quick else "full"


def rounds_done(entry: Mapping[str, Any] | None, sides: list[str], about: Mapping[str, Any]) -> int:
    """How many rounds there are of this very code, of all sides, taken as thoroughly as they would be now."""
    if entry is None:
        return 0
    before = entry["about"]
    if before.get("code") != about["code"] or (before["quick"] and not about["quick"]):
        return 0
    return min(len(entry["sides"].get(side, [])) for side in sides)


def rounds_left(entry: Mapping[str, Any] | None, sides: list[str], about: Mapping[str, Any]) -> int:
    """How many are missing of those that are wanted. Where whole runs are stored quick ones cannot be added to them:
    then it is all of them or none."""
    done = rounds_done(entry, sides, about)
    if entry is not None and 0 < done < about["rounds"] and not _is_same(entry["about"], about):
        return int(about["rounds"])
    return max(int(about["rounds"]) - done, 0)


def _is_same(before: Mapping[str, Any], about: Mapping[str, Any]) -> bool:
    return (before.get("code"), before["quick"]) == (about["code"], about["quick"])


def _together(earlier: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    """Rounds of the one, then of the other."""
    if entry["failures"] and earlier["sides"]:
        kept = {"failures": earlier["failures"] + entry["failures"], "faults": earlier["faults"] + entry["faults"]}
        return {**earlier, **kept}
    rounds = {(found["ours"], found["peer"]): found["rounds"] for found in earlier["ratios"]}
    before: Mapping[str, Any] = earlier["sides"]
    return {
        "about": {**entry["about"], "rounds": earlier["about"]["rounds"] + entry["about"]["rounds"]},
        "failures": earlier["failures"] + entry["failures"],
        "faults": earlier["faults"] + entry["faults"],
        "ratios": [
            {**found, "rounds": rounds.get((found["ours"], found["peer"]), []) + found["rounds"]}
            for found in entry["ratios"]
        ],
        "sides": {side: before.get(side, []) + runs for side, runs in entry["sides"].items()},
    }


def _entry(outcome: Outcome, about: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "about": dict(about),
        "failures": outcome.failures,
        "faults": outcome.faults,
        "ratios": [{**asdict(found.bar), "rounds": [_short(x) for x in found.rounds]} for found in outcome.ratios],
        "sides": {
            side: [{name: _short(value) for name, value in found.figures.items()} for found in outcome.of(side)]
            for side in outcome.scenario.sides
            if outcome.of(side)
        },
    }


def _short(value: float) -> float:
    """No more digits than mean something."""
    return float(f"{value:.5g}")
