"""The benchmark suite: scenarios on fresh brokers, ours and Apache Kafka in turn, into docs/PERFORMANCE.md.

Run it as `scripts/bench suite`. What a scenario came to is written as soon as it is over, and figures of scenarios
that are not run again stay as they are: it can be interrupted, and gone on with (--resume).
"""

from __future__ import annotations

import datetime
import hashlib
import math
import os
import platform
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import typer  # noqa: E402
from rich.console import Console  # noqa: E402

from broker.bench import stored  # noqa: E402
from broker.bench.noise import IN_MEMORY, filesystem_of  # noqa: E402
from broker.bench.peer import KAFKA_VERSION, java_version, why_no_peer  # noqa: E402
from broker.bench.performance_page import write_page  # noqa: E402
from broker.bench.report import write_suite_report  # noqa: E402
from broker.bench.scenario import Scenario  # noqa: E402
from broker.bench.scenarios import select  # noqa: E402
from broker.bench.servers import PACKAGES  # noqa: E402
from broker.bench.suite import Outcome, Suite  # noqa: E402

PAGE = ROOT / "docs" / "PERFORMANCE.md"
STORED = ROOT / "docs" / "performance.json"


def main(
    against: Annotated[str, typer.Option(help="kafka or none; kafka where Java is present.")] = "",
    only: Annotated[list[str] | None, typer.Option(help="A name, a beginning with *, or a number; repeatable.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Seconds instead of minutes a run.")] = False,
    rounds: Annotated[int, typer.Option(min=1)] = 3,
    budget_minutes: Annotated[
        float, typer.Option(min=0.0, help="The most important first, and none that would not be done by then; 0: all.")
    ] = 0.0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Only the rounds that are missing of this code; added to those stored.")
    ] = False,
    add: Annotated[bool, typer.Option("--add", help="To the rounds that are stored of this code.")] = False,
    report: Annotated[str | None, typer.Option(metavar="DIR", help="Pictures and an HTML page.")] = None,
    list_only: Annotated[bool, typer.Option("--list", help="Show the scenarios.")] = False,
    write: Annotated[bool, typer.Option("--write/--no-write", help="Into docs/PERFORMANCE.md.")] = True,
) -> None:
    """Measure, print the ratios, write the tables."""
    # So that the brokers that were started are ended, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    console = Console(highlight=False, soft_wrap=True)
    scenarios = select(only or [])
    if not scenarios:
        raise typer.BadParameter(f"no scenario is called {only}; --list shows them")
    suite = Suite(
        with_peer=wants_peer(against, console, is_listed=list_only),
        rounds=rounds,
        quick=quick,
        console=console,
        budget_s=budget_minutes * 60 or math.inf,
    )
    before = stored.load(STORED)
    if budget_minutes:
        scenarios.sort(key=lambda scenario: scenario.importance)
    if filesystem_of(tempfile.gettempdir()) in IN_MEMORY:
        console.print(
            f"{tempfile.gettempdir()} is in memory, where a sync costs nothing: durable figures mean nothing; "
            "set TMPDIR to a directory on a disk.",
            style="yellow",
        )
    left = rounds_left(suite, before, scenarios) if resume else {each.name: rounds for each in scenarios}
    round_s = stored.durations(before, quick=quick)
    show(suite, scenarios, left, round_s, console, each_line=list_only)
    if list_only:
        return
    if report:
        os.makedirs(report, exist_ok=True)  # noticed now and not behind the first scenario
    try:
        for outcome in suite.run(scenarios, round_s, left):
            if report:
                write_suite_report(report, list(suite.outcomes.values()))
            if write:
                is_first = suite.outcomes[outcome.scenario.name].measurements == outcome.measurements
                keep(outcome, {**machine(), "quick": quick, "rounds": 1}, console, add=add or resume or not is_first)
    except KeyboardInterrupt:
        console.print("Stopped. Rounds that were over are kept: --resume takes those that are missing.")
        raise typer.Exit(130) from None
    if report:
        console.print(f"{report}/index.html")
    if any(outcome.faults or outcome.failures for outcome in suite.outcomes.values()):
        raise typer.Exit(2)


def rounds_left(suite: Suite, before: Mapping[str, Any], scenarios: list[Scenario]) -> dict[str, int]:
    """Rounds that are missing of this code, by scenario."""
    about = {"code": code_version(), "quick": suite.quick, "rounds": suite.rounds}
    entries = before["scenarios"]
    return {each.name: stored.rounds_left(entries.get(each.name), suite.sides(each), about) for each in scenarios}


def keep(outcome: Outcome, about: dict[str, Any], console: Console, *, add: bool) -> None:
    found = stored.save(STORED, outcome, about, add=add)
    write_page(PAGE, found)
    if found["scenarios"][outcome.scenario.name]["about"]["taken"] != about["taken"]:
        console.print("  what is stored has sides that this run has not: it stays")


def show(
    suite: Suite,
    scenarios: list[Scenario],
    left: Mapping[str, int],
    round_s: Mapping[str, float],
    console: Console,
    *,
    each_line: bool,
) -> None:
    """How long it will take, and with `each_line` of what that is made; `~` where it was not timed yet."""
    lives: set[int] = set()
    one_s = all_s = 0.0
    for each in scenarios:
        took_s = suite.expected_s(each, round_s.get(each.name))
        if each.kind == "start":
            # One life of a broker has the figures of all that begin with as many partitions.
            took_s, lives = (0.0 if each.partitions_before in lives else took_s), {*lives, each.partitions_before}
        one_s, all_s = one_s + took_s, all_s + took_s * left[each.name]
        if each_line:
            sign = " " if each.name in round_s else "~"
            line = f"{each.number}  {each.name:<26} importance {each.importance} {sign}{took_s:4.0f} s   {each.title}"
            console.print(line, markup=False)
    missing = f"; {sum(left.values())} rounds of scenarios to do, about {all_s / 60:.1f} minutes"
    console.print(f"{len(scenarios)} scenarios, about {one_s / 60:.1f} minutes a round{missing}")


def wants_peer(against: str, console: Console, *, is_listed: bool) -> bool:
    if against not in ("", "kafka", "none"):
        raise typer.BadParameter(f"--against is kafka or none, not {against}")
    missing = why_no_peer()
    if against == "kafka" and missing and not is_listed:
        console.print(f"Apache Kafka cannot be started: {missing}.")
        raise typer.Exit(1)
    if against == "none" or missing:
        console.print(f"Millstream alone{f': {missing}' if missing else ''}.")
        return False
    return True


def machine() -> dict[str, Any]:
    return {
        "taken": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": git("rev-parse", "--short", "HEAD"),
        "code": code_version(),
        "cores": os.cpu_count(),
        "cpu": cpu_model(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "system": f"{platform.system()} {platform.release()}",
        "filesystem": filesystem_of(tempfile.gettempdir()),
        "python": platform.python_version(),
        "kafka": KAFKA_VERSION,
        "java": java_version(),
        "load_average_after": round(os.getloadavg()[0], 2),
    }


def code_version() -> str:
    """The same as long as nothing of the program changed; documents and tests may."""
    trees = git("rev-parse", *(f"HEAD:{name}" for name in PACKAGES)).split()
    changed = git("status", "--porcelain", "--", *PACKAGES)
    # What is not committed has a name of its own, too: two changes are two programs.
    digest = hashlib.sha256((changed + git("diff", "HEAD", "--", *PACKAGES)).encode()).hexdigest()[:6]
    return "-".join(tree[:6] for tree in trees) + (f"-changed-{digest}" if changed else "")


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True).stdout.strip()


def cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


if __name__ == "__main__":
    typer.run(main)
