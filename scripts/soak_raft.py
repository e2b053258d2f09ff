"""Run the Raft simulator over many seeds: `scripts/soak_raft.py --seeds 10000 --first 0 --processes 2`.

Prints every failing seed with the state of all nodes and exits 1. Keep a failing seed in
tests/raft/test_simulation.py with the story of what was wrong.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from time import monotonic

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "raft")]

CHUNK = 50


def run_chunk(first: int, count: int, is_hard: bool) -> tuple[int, int, list[str]]:
    """Steps, entries committed and failures of these seeds."""
    from raft_hard_scenario import HardScenario
    from raft_scenario import Scenario

    steps = entries = 0
    failures = []
    for seed in range(first, first + count):
        scenario = HardScenario(seed) if is_hard else Scenario(seed)
        try:
            scenario.run()
        except AssertionError as error:
            failures.append(f"FAILED seed {seed}: {error}")
        steps += scenario.cluster.steps
        entries += len(scenario.cluster.observer.history)
    return steps, entries, failures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10_000, help="how many (default 10000)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default 0)")
    parser.add_argument("--processes", type=int, default=2, help="worker processes (default 2)")
    parser.add_argument("--hard", action="store_true", help="the weather in which logs diverge all the time")
    arguments = parser.parse_args()
    began = monotonic()
    done = steps = entries = 0
    failures: list[str] = []
    with ProcessPoolExecutor(arguments.processes) as pool:
        firsts = range(arguments.first, arguments.first + arguments.seeds, CHUNK)
        last = arguments.first + arguments.seeds
        counts = [min(CHUNK, last - first) for first in firsts]
        chunks = pool.map(run_chunk, firsts, counts, [arguments.hard] * len(counts))
        for count, (more_steps, more_entries, failed) in zip(counts, chunks, strict=True):
            done, steps, entries = done + count, steps + more_steps, entries + more_entries
            failures += failed
            for failure in failed:
                print(failure, flush=True)
            if done % 1000 < CHUNK:
                print(f"{done} seeds, {len(failures)} failed, {monotonic() - began:.0f} s", flush=True)
    print(f"{done} seeds, {steps} steps, {entries} entries committed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
