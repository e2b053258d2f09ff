"""The benchmark suite: scenarios on fresh brokers, ours and Apache Kafka in turn, into docs/PERFORMANCE.md.

Run it as `scripts/bench suite`. Figures of scenarios that are not run again stay as they are.
"""

from __future__ import annotations

import datetime
import os
import platform
import signal
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import typer  # noqa: E402
from rich.console import Console  # noqa: E402

from broker.bench.peer import KAFKA_VERSION, why_no_peer  # noqa: E402
from broker.bench.performance_page import render  # noqa: E402
from broker.bench.report import write_suite_report  # noqa: E402
from broker.bench.scenarios import SCENARIOS, select  # noqa: E402
from broker.bench.suite import run_suite, save  # noqa: E402

PAGE = ROOT / "docs" / "PERFORMANCE.md"
STORED = ROOT / "docs" / "performance.json"


def main(
    against: Annotated[str, typer.Option(help="kafka or none; kafka where Java is present.")] = "",
    only: Annotated[list[str] | None, typer.Option(help="A name, a beginning with *, or a number.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Seconds instead of minutes a run.")] = False,
    rounds: Annotated[int, typer.Option(min=1)] = 3,
    report: Annotated[str | None, typer.Option(metavar="DIR", help="Pictures and an HTML page.")] = None,
    list_only: Annotated[bool, typer.Option("--list", help="Show the scenarios.")] = False,
    write: Annotated[bool, typer.Option("--write/--no-write", help="Into docs/PERFORMANCE.md.")] = True,
) -> None:
    """Measure, print the ratios, write the tables."""
    # So that the brokers that were started are ended, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    console = Console(highlight=False, soft_wrap=True)
    if list_only:
        for scenario in SCENARIOS:
            console.print(f"{scenario.number}  {scenario.name:<26} {scenario.title}", markup=False)
        return
    scenarios = select(only or [])
    if not scenarios:
        raise typer.BadParameter(f"no scenario is called {only}; --list shows them")
    missing = why_no_peer()
    with_peer = against == "kafka" or (against == "" and missing is None)
    if against == "kafka" and missing:
        console.print(f"Apache Kafka cannot be started: {missing}.")
        raise typer.Exit(1)
    if not with_peer:
        console.print(f"Millstream alone{f': {missing}' if missing else ''}.")
    outcomes = run_suite(scenarios, with_peer=with_peer, rounds=rounds, quick=quick, console=console)
    if report:
        console.print(write_suite_report(report, outcomes))
    if write:
        stored = save(STORED, outcomes, {**machine(), "quick": quick, "rounds": rounds})
        PAGE.write_text(render(PAGE.read_text(), stored))
    if any(outcome.faults or outcome.failures for outcome in outcomes):
        raise typer.Exit(2)


def machine() -> dict[str, Any]:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return {
        "taken": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit.stdout.strip(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "kafka": KAFKA_VERSION,
        "load_average_before": round(os.getloadavg()[0], 2),
    }


if __name__ == "__main__":
    typer.run(main)
