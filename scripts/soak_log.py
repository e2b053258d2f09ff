#!/usr/bin/env python3
"""Crash journal and logs together many more times than the tests do.

    scripts/soak_log.py --minutes 10                 seeds from where you like until the time is over
    scripts/soak_log.py --first-seed 41207 --seeds 1 one seed again, with its whole traceback

Each seed is one data directory through several lives on the simulated disk (tests/log_harness/scenario.py); a seed
that fails is printed and ends the run (exit code 1). Add it to STORIES in tests/broker/log/test_crashes.py.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests")]

from log_harness.scenario import run_log_seed  # noqa: E402
from simulation.soak import soak  # noqa: E402

if __name__ == "__main__":
    # Every crash is a warning in the log; they are what is wanted here.
    logging.disable(logging.CRITICAL)
    soak(run_log_seed, about=__doc__, amounts={"lives": 8, "operations_max": 200})
