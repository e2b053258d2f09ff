"""Run the Raft simulator over many seeds: `scripts/soak_raft.py --seeds 10000 --first 0 --processes 2`.

Prints every failing seed with the state of all nodes and exits 1. Keep a failing seed in
tests/raft/test_simulation.py with the story of what was wrong.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "raft")]

CHUNK = 50


def run_chunk(first: int, count: int) -> tuple[Counter[str], list[str]]:
    from raft_scenario import Scenario

    happened: Counter[str] = Counter()
    failures = []
    for seed in range(first, first + count):
        scenario = Scenario(seed)
        try:
            scenario.run()
        except AssertionError as error:
            failures.append(f"FAILED seed {seed}: {error}")
        happened["steps"] += scenario.cluster.steps
        happened["entries committed"] += len(scenario.cluster.observer.history)
    return happened, failures


if __name__ == "__main__":
    from simulation.parallel_soak import soak_in_parallel

    sys.exit(soak_in_parallel(run_chunk, about=__doc__, seeds=10_000, chunk=CHUNK))
