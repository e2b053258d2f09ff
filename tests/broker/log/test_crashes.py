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


# Found by the soak, in lives of eight.
LONG_STORIES = {
    "what a failed sync left in the page cache is written again": (200111, 200186),
    "a log's start is published before its recovery point": (200159, 200723),
    "a start that was published stays where the journal rebuilds what is below it": (400487, 200647),
    "a cut below the first segment is older than what is synced": (503217, 601008, 601268, 600297),
    "a cut is in the journal before it is made": (201269, 400013, 200044),
    "a start that a cut lowered is moved when the replay is through": (803866, 903351),
    "what a start removed stays gone, though it died before its sync": (9607574,),
    "checkpoints that were read are durable before segments are removed for them": (9500982,),
    "of two histories of a producer the newer counts": (9300074, 9400563),
}


@pytest.mark.parametrize("precaution", LONG_STORIES)
def test_longer_lives_find_their_precautions_in_place(precaution: str) -> None:
    for seed in LONG_STORIES[precaution]:
        run_log_seed(seed, lives=8, operations_max=200)
