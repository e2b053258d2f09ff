"""docs/PERFORMANCE.md's tables, made from what the suite kept in docs/performance.json.

A table stands between `<!-- table NUMBER -->` and `<!-- end -->`, and so do `<!-- machine -->`, `<!-- budget -->` and
the pictures of `<!-- growth -->`; everything else on the page is written by hand.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from broker.bench.growth import AXES, growth_pictures
from broker.bench.noise import NOISY_CORES
from broker.bench.results import BUSY_LIMIT
from broker.bench.scenario import UNITS, Scenario
from broker.bench.scenarios import SCENARIOS

SIDE_NAMES = {
    "commit": "Millstream, durable (`flush=commit`)",
    "os": "Millstream, `flush=os`",
    "kafka": "Kafka as shipped",
    "kafka-durable": "Kafka, `flush.messages=1`",
}
PICTURES = "performance"  # the directory beside the page
_PART = re.compile(r"(<!-- (table|machine|growth|budget) ?(\d*) -->\n).*?(<!-- end -->)", re.DOTALL)


def write_page(path: Path, stored: Mapping[str, Any]) -> None:
    """The page at `path`, and its pictures beside it."""
    pictures = growth_pictures(stored["scenarios"])
    if pictures:
        (path.parent / PICTURES).mkdir(exist_ok=True)
    for name, picture in pictures.items():
        (path.parent / PICTURES / name).write_text(picture)
    path.write_text(render(path.read_text(), stored))


def render(page: str, stored: Mapping[str, Any]) -> str:
    """The page with everything made anew that comes from what is stored."""

    def part(match: re.Match[str]) -> str:
        makers: dict[str, Callable[[], str]] = {
            "table": lambda: table(int(match[3]), stored),
            "machine": lambda: machine(stored),
            "growth": lambda: growth(stored),
            "budget": lambda: budget(stored),
        }
        return match[1] + makers[match[2]]() + match[4]

    return _PART.sub(part, page)


def growth(stored: Mapping[str, Any]) -> str:
    found = growth_pictures(stored["scenarios"])
    lines = []
    for prefix in AXES:
        links = [f"![{name[:-4]}]({PICTURES}/{name})" for name in found if name.startswith(prefix)]
        lines += [" ".join(links), ""] if links else []
    return "\n".join(lines) or "Not taken yet.\n"


def budget(stored: Mapping[str, Any]) -> str:
    """What a request costs, by stage, as scripts/bench profile found it."""
    found = stored.get("budget", {})
    if not found:
        return "Not taken yet.\n"
    stages = list(dict.fromkeys(stage for entry in found.values() for stage in entry["stages"]))
    titles = [f"{entry['title']}<br>{_when(entry['about'])}" for entry in found.values()]
    lines = ["| µs of CPU a request | " + " | ".join(titles) + " |", "|---|" + "---|" * len(found)]
    for stage in stages:
        cells = [f"{entry['stages'][stage]:.1f}" if stage in entry["stages"] else "" for entry in found.values()]
        lines.append(f"| {stage} | " + " | ".join(cells) + " |")
    lines.append("| **together** | " + " | ".join(f"**{entry['us']:.1f}**" for entry in found.values()) + " |")
    return "\n".join(lines) + "\n"


def _when(about: Mapping[str, Any]) -> str:
    return f"{about['taken'].partition(' ')[0]}, {about['commit']}, load average {about['load_average_after']:g}"


def machine(stored: Mapping[str, Any]) -> str:
    """Of every row that says it, for rows are taken at different times."""
    found: dict[str, list[str]] = {}
    for name, entry in stored["scenarios"].items():
        about = entry["about"]
        if "cpu" in about:
            text = (
                f"{about['cores']} cores ({about['cpu']}), {about['memory_gb']} GB, {about['system']}, data on "
                f"{about.get('filesystem') or 'a disk'}, Python "
                f"{about['python']}, Apache Kafka {about['kafka']}, Java {about['java'] or 'absent'}"
            )
            found.setdefault(text, []).append(name)
    if len(found) == 1:
        return f"{next(iter(found))}.\n"
    return "".join(f"- {text}: {', '.join(f'`{name}`' for name in names)}\n" for text, names in found.items())


def table(number: int, stored: Mapping[str, Any]) -> str:
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
        if found is None:
            cells += ["" for _ in SIDE_NAMES] + ["not taken yet"]
        else:
            cells += [_cell(scenario, found["sides"].get(side, [])) for side in SIDE_NAMES]
            is_noisy = _others_cores(found) > NOISY_CORES
            ratios = [_ratio(each, is_noisy=is_noisy) for each in found["ratios"]]
            cells.append("<br>".join(ratios + _remarks(scenario, found)))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(scenario: Scenario, runs: list[dict[str, float]]) -> str:
    if not runs:
        return ""

    def median(name: str) -> float:
        return statistics.median(run[name] for run in runs)

    unit, factor = UNITS[scenario.metric]
    value = median(scenario.metric) * factor
    text = f"{value:,.0f} {unit}" if value >= 100 else f"{value:,.1f} {unit}"
    if scenario.metric.endswith("_per_s"):
        text += f", p50 {median('p50_us') / 1000:.2f} ms, p99 {median('p99_us') / 1000:.1f} ms"
    if "gap_median_s" in runs[0]:
        text += f", median of the kills {median('gap_median_s') * 1000:,.0f} ms"
    if "background_per_s" in runs[0]:
        text += f", beside {median('background_per_s'):,.0f} records/s"
    if "resident_mb" in runs[0] and scenario.metric != "resident_mb":
        text += f", {median('resident_mb'):,.0f} MB resident" + (" together" if scenario.nodes > 1 else "")
    return text


def _ratio(found: dict[str, Any], *, is_noisy: bool) -> str:
    """Whether the bar was reached is said of a quiet machine only."""
    rounds = found["rounds"]
    sign = "" if is_noisy else " ✓" if statistics.median(rounds) >= found["must"] else " ✗"
    return (
        f"{found['ours']} ÷ {found['peer']}: **{statistics.median(rounds):.2f} ×** "
        f"({min(rounds):.2f}–{max(rounds):.2f}), must {found['must']:g}{sign}"
    )


def _others_cores(found: Mapping[str, Any]) -> float:
    return max((run.get("others_cores", 0.0) for runs in found["sides"].values() for run in runs), default=0.0)


def _remarks(scenario: Scenario, found: Mapping[str, Any]) -> list[str]:
    about = found["about"]
    remarks = [f"{about['taken'].partition(' ')[0]}, {about['commit']}"]
    if about.get("quick"):
        remarks[0] += ", quick" + (": half of it read" if scenario.kind == "fetch" else "")
    if _others_cores(found) > NOISY_CORES:
        remarks.append(f"noisy: other programs used up to {_others_cores(found):.1f} cores")
    for side, runs in found["sides"].items():
        if max(run.get("generator_busy", 0.0) for run in runs) > BUSY_LIMIT:
            remarks.append(f"the load generator was the bottleneck of {side}")
    if found["faults"]:
        remarks.append(f"**{found['faults']:,} records lost, duplicated, out of order or corrupted**")
    if found["failures"]:
        remarks.append("failed: " + "; ".join(sorted({_one_line(failure) for failure in found["failures"]})))
    return remarks


def _one_line(failure: str) -> str:
    return failure.partition("\n")[0][:120].replace("|", "/")
