"""Replicas through crashes, pauses, cuts and elections: nothing that was acknowledged is lost, nothing comes back."""

from __future__ import annotations

import pytest
from replication_harness import run_replica_seed

SEEDS = 25


@pytest.mark.parametrize("seed", range(SEEDS))
def test_replicas_keep_what_they_acknowledged(seed: int) -> None:
    run_replica_seed(seed)
