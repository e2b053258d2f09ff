"""Whole clusters under hundreds of seeds: clients, faults, and everything that was promised. `scripts/soak_cluster.py`
runs thousands; a seed that failed there is told once more, on purpose, in `test_cluster_stories.py`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from simulation.scenario import run_cluster_seed

PROJECT = Path(__file__).resolve().parents[2]
SEEDS_PER_TEST = 10
# Short ones: a few hundred of these show what one long one does, and cost a fifth of a second each.
FAULTS_MAX = 3


@pytest.mark.parametrize("first_seed", range(0, 200, SEEDS_PER_TEST))
def test_a_cluster_keeps_what_it_promises(first_seed: int) -> None:
    for seed in range(first_seed, first_seed + SEEDS_PER_TEST):
        run_cluster_seed(seed, faults_max=FAULTS_MAX)


def test_a_seed_is_the_same_run_every_time() -> None:
    assert run_cluster_seed(7, faults_max=FAULTS_MAX) == run_cluster_seed(7, faults_max=FAULTS_MAX)


def test_a_seed_is_the_same_run_in_every_process() -> None:
    """Text has other hashes in every process, and objects other addresses: no order may depend on them."""
    traces = {_traces_of_a_process(hash_seed) for hash_seed in ("1", "2")}
    assert len(traces) == 1


def _traces_of_a_process(hash_seed: str) -> str:
    program = (
        "from simulation.scenario import run_cluster_seed\n"
        f"for seed in range(4): print(run_cluster_seed(seed, faults_max={FAULTS_MAX}).trace)"
    )
    path = os.pathsep.join([str(PROJECT), str(PROJECT / "tests")])
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=100, check=True
    )
    return done.stdout


def test_another_seed_is_another_run() -> None:
    assert run_cluster_seed(1, faults_max=FAULTS_MAX).trace != run_cluster_seed(2, faults_max=FAULTS_MAX).trace
