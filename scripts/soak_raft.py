"""Run the Raft simulator over many seeds: `scripts/soak_raft.py --seeds 10000 --first 0 --processes 2`.

With `--hard` first, in the weather in which logs diverge all the time. Prints every failing seed with the state of all
nodes and exits 1. Keep a failing seed in
tests/raft/test_simulation.py with the story of what was wrong.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

CHUNK = 50
HARD = "--hard"


def run_chunk(first: int, count: int) -> tuple[Counter[str], list[str]]:
    from raft_harness.scenario import Scenario

    return _run(Scenario, first, count)


def run_hard_chunk(first: int, count: int) -> tuple[Counter[str], list[str]]:
    from raft_harness.hard_scenario import HardScenario

    return _run(HardScenario, first, count)


def _run(make: Callable[[int], Any], first: int, count: int) -> tuple[Counter[str], list[str]]:
    happened: Counter[str] = Counter()
    failures = []
    for seed in range(first, first + count):
        scenario = make(seed)
        try:
            scenario.run()
        except AssertionError as error:
            failures.append(f"FAILED seed {seed}: {error}")
        happened["steps"] += scenario.cluster.steps
        happened["entries committed"] += len(scenario.cluster.observer.history)
    return happened, failures


if __name__ == "__main__":
    from simulation.parallel_soak import soak_in_parallel

    is_hard = HARD in sys.argv
    if is_hard:
        sys.argv.remove(HARD)
    sys.exit(soak_in_parallel(run_hard_chunk if is_hard else run_chunk, about=__doc__, seeds=10_000, chunk=CHUNK))
