"""Run the simulated replicas over many seeds: `scripts/soak_replicas.py --seeds 2000 --first 0 --processes 2`.

Prints every failing seed and exits 1. Keep a failing seed in tests/broker/replication/test_replicas.py, with the story
of what was wrong.
"""

from __future__ import annotations

import logging
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

CHUNK = 20


def run_chunk(first: int, count: int) -> tuple[Counter[str], list[str]]:
    from replication_harness import run_replica_seed

    logging.disable(logging.ERROR)
    happened: Counter[str] = Counter()
    failures = []
    for seed in range(first, first + count):
        try:
            world = run_replica_seed(seed)
        except AssertionError as error:
            failures.append(f"FAILED seed {seed}: {error}")
            continue
        happened["records acknowledged"] += len(world.acknowledged)
        happened["crashes"] += world.crashes
    return happened, failures


if __name__ == "__main__":
    from simulation.parallel_soak import soak_in_parallel

    sys.exit(soak_in_parallel(run_chunk, about=__doc__, seeds=2000, chunk=CHUNK))
