#!/usr/bin/env python3
"""Simulate whole clusters, many more seeds than the tests do.

    scripts/soak_cluster.py --minutes 10                            seeds from where you like until the time is over
    scripts/soak_cluster.py --first-seed 41207 --seeds 1 --verbose  one seed again, with the log of its brokers

Each seed is one cluster of three brokers in one process (tests/simulation/scenario.py): the production code on virtual
time, a simulated network and simulated disks; clients that record what they did and saw; faults; and a checker of what
was promised. A seed that fails is printed with its story and ends the run (exit code 1). Add it to STORIES in
tests/simulation/test_cluster_seeds.py.
"""

from __future__ import annotations

import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests")]

from simulation.scenario import run_cluster_seed  # noqa: E402
from simulation.soak import soak  # noqa: E402


def run_seed(seed: int, *, faults_max: int, verbose: bool) -> int:
    return run_cluster_seed(seed, faults_max=faults_max, verbose=verbose).faults


if __name__ == "__main__":
    soak(run_seed, about=__doc__, amounts={"faults_max": 8, "verbose": False})
