"""docs/PERFORMANCE.md's tables, made from what the suite kept in docs/performance.json.

A table stands between `<!-- table NUMBER -->` and `<!-- end -->`; everything else on the page is written by hand.
"""

from __future__ import annotations

import re
import statistics
from typing import Any

from broker.bench.noise import NOISY_CORES
from broker.bench.scenarios import SCENARIOS, Scenario
from broker.bench.suite import UNITS

SIDE_NAMES = {
    "commit": "Millstream, durable (`flush=commit`)",
    "os": "Millstream, `flush=os`",
    "kafka": "Kafka as shipped",
    "kafka-durable": "Kafka, `flush.messages=1`",
}
_TABLE = re.compile(r"(<!-- table (\d+) -->\n).*?(<!-- end -->)", re.DOTALL)


def render(page: str, stored: dict[str, Any]) -> str:
    """The page with its tables made anew."""
    return _TABLE.sub(lambda match: match[1] + table(int(match[2]), stored) + match[3], page)


def table(number: int, stored: dict[str, Any]) -> str:
    """All scenarios of one number of the issue's list."""
    lines = [
        "| scenario | " + " | ".join(SIDE_NAMES.values()) + " | ratio (spread), must |",
        "|---|" + "---|" * (len(SIDE_NAMES) + 1),
    ]
    for scenario in SCENARIOS:
        if scenario.number != number:
            continue
        found = stored["scenarios"].get(scenario.name)
        cells = [f"`{scenario.name}`: {scenario.title}"]
        if found is None or found["skipped"]:
            cells += ["" for _ in SIDE_NAMES] + [found["skipped"] if found else "not taken yet"]
        else:
            cells += [_cell(scenario, found["sides"].get(side, [])) for side in SIDE_NAMES]
            is_noisy = _others_cores(found) > NOISY_CORES
            cells.append("<br>".join(_ratio(each, is_noisy=is_noisy) for each in found["ratios"]) + _remarks(found))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(scenario: Scenario, runs: list[dict[str, float]]) -> str:
    if not runs:
        return ""
    unit, factor = UNITS[scenario.metric]
    value = statistics.median(run[scenario.metric] for run in runs) * factor
    text = f"{value:,.0f} {unit}" if value >= 100 else f"{value:,.1f} {unit}"
    if scenario.metric.endswith("_per_s"):
        p50, p99 = (statistics.median(run[name] for run in runs) / 1000 for name in ("p50_us", "p99_us"))
        text += f", p50 {p50:.2f} ms, p99 {p99:.1f} ms"
    if "generator_us" in runs[0]:
        text += f", {statistics.median(run['resident_mb'] for run in runs):,.0f} MB resident"
    return text


def _ratio(found: dict[str, Any], *, is_noisy: bool) -> str:
    """Whether the bar was reached is said of a quiet machine only."""
    rounds = found["rounds"]
    sign = "" if is_noisy else " ✓" if statistics.median(rounds) >= found["must"] else " ✗"
    return (
        f"{found['ours']} ÷ {found['peer']}: **{statistics.median(rounds):.2f} ×** "
        f"({min(rounds):.2f}–{max(rounds):.2f}), must {found['must']:g}{sign}"
    )


def _others_cores(found: dict[str, Any]) -> float:
    return max((run.get("others_cores", 0.0) for runs in found["sides"].values() for run in runs), default=0.0)


def _remarks(found: dict[str, Any]) -> str:
    remarks = []
    if found["about"].get("quick"):
        remarks.append("quick")
    if _others_cores(found) > NOISY_CORES:
        remarks.append(f"noisy: other programs used up to {_others_cores(found):.1f} cores")
    if found["faults"]:
        remarks.append(f"**{found['faults']:,} records lost, duplicated, out of order or corrupted**")
    if found["failures"]:
        remarks.append("failed: " + "; ".join(sorted({failure[:80] for failure in found["failures"]})))
    return "<br>" + ", ".join(remarks) if remarks else ""
