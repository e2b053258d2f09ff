"""Run the simulated replicas over many seeds: `scripts/soak_replicas.py --seeds 2000 --first 0 --processes 2`.

Prints every failing seed and exits 1. Keep a failing seed in tests/broker/replication/test_replicas.py, with the story
of what was wrong.
"""

from __future__ import annotations

import argparse
import logging
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from time import monotonic

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

CHUNK = 20


def run_chunk(first: int, count: int) -> tuple[int, int, list[str]]:
    """Records acknowledged, crashes and failures of these seeds."""
    from replication_harness import run_replica_seed

    logging.disable(logging.ERROR)
    acknowledged = crashes = 0
    failures = []
    for seed in range(first, first + count):
        try:
            world = run_replica_seed(seed)
        except AssertionError as error:
            failures.append(f"FAILED seed {seed}: {error}")
            continue
        acknowledged += len(world.acknowledged)
        crashes += world.crashes
    return acknowledged, crashes, failures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2000, help="how many (default 2000)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default 0)")
    parser.add_argument("--processes", type=int, default=2, help="worker processes (default 2)")
    arguments = parser.parse_args()
    began = monotonic()
    last = arguments.first + arguments.seeds
    firsts = range(arguments.first, last, CHUNK)
    counts = [min(CHUNK, last - first) for first in firsts]
    acknowledged = crashes = 0
    failures: list[str] = []
    with ProcessPoolExecutor(arguments.processes) as pool:
        for more_acknowledged, more_crashes, failed in pool.map(run_chunk, firsts, counts):
            acknowledged, crashes = acknowledged + more_acknowledged, crashes + more_crashes
            failures += failed
            for failure in failed:
                print(failure, flush=True)
    print(
        f"{arguments.seeds} seeds, {acknowledged} records acknowledged, {crashes} crashes, {len(failures)} failed, "
        f"{monotonic() - began:.0f} s"
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
