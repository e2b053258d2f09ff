"""Thousands of crashes: the promises in `log_harness.scenario`, after a stop at any change of the disk.

`scripts/soak_log.py` runs many more seeds of the same.
"""

from __future__ import annotations

import pytest
from log_harness import run_log_seed

SEEDS = 400
SEEDS_PER_TEST = 100

# Seeds at which a log without one of its precautions loses or invents records, found while it was made.
STORIES = {
    "the names of a new log are durable before its first record counts": (2, 5, 34, 35),
    "a former partition's checkpoints are not taken for those of a new one of the same name": (81,),
    "a directory that is removed is renamed durably first": (90,),
    "truncations lower the recovery point to a batch's start": (66, 86, 88),
    "what was cut is cut durably": (389, 1031, 1286, 1939, 20622),
    "segments given up by retention stay until the log's new start is durable": (1250, 11311),
    "snapshots of a cut history do not come back": (422, 1824),
    "batches of an older epoch do not follow newer ones": (1102, 2204),
}


@pytest.mark.parametrize("first_seed", range(0, SEEDS, SEEDS_PER_TEST))
def test_what_was_acknowledged_survives_crashes_anywhere(first_seed: int) -> None:
    crashes = 0
    for seed in range(first_seed, first_seed + SEEDS_PER_TEST):
        try:
            crashes += run_log_seed(seed)
        except Exception as error:
            raise AssertionError(f"seed {seed} of run_log_seed: {error}") from error
    assert crashes >= SEEDS_PER_TEST * 3


@pytest.mark.parametrize("precaution", STORIES)
def test_the_seeds_that_need_a_precaution_find_it_in_place(precaution: str) -> None:
    for seed in STORIES[precaution]:
        run_log_seed(seed)
