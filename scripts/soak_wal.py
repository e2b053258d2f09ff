#!/usr/bin/env python3
"""Crash the journal many more times than the tests do.

    scripts/soak_wal.py --minutes 10                 seeds from where you like until the time is over
    scripts/soak_wal.py --first-seed 41207 --seeds 1 one seed again, with its whole traceback

Each seed is one journal through several lives on the simulated disk (tests/simulation/journal_scenario.py); a seed
that fails is printed and ends the run (exit code 1). Add it to STORIES in tests/wal/test_crashes.py.
"""

from __future__ import annotations

import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests")]

from simulation.journal_scenario import run_journal_seed  # noqa: E402
from simulation.soak import soak  # noqa: E402

if __name__ == "__main__":
    soak(run_journal_seed, about=__doc__, amounts={"lives": 8, "operations_max": 120})
