"""The simulated clusters notice it where a promise is not kept: each mutant fails within a few seeds."""

from __future__ import annotations

import pytest

from simulation.cluster_mutants import MUTANTS, Mutant
from simulation.scenario import Scenario

SEEDS_MAX = 40
FAULTS_MAX = 6


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.mutate.__name__)
def test_a_broken_promise_is_noticed(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant.mutate(monkeypatch)
    for seed in range(mutant.first_seed, mutant.first_seed + SEEDS_MAX):
        try:
            Scenario(seed, faults_max=FAULTS_MAX, kinds=mutant.kinds).run()
        except AssertionError:
            return
    pytest.fail(f"nobody noticed within {SEEDS_MAX} seeds")
