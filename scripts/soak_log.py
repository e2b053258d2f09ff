#!/usr/bin/env python3
"""Crash journal and logs together many more times than the tests do.

    scripts/soak_log.py --minutes 10                 seeds from where you like until the time is over
    scripts/soak_log.py --first-seed 41207 --seeds 1 one seed again, with its whole traceback

Each seed is one data directory through several lives on the simulated disk (tests/log_harness/scenario.py); a seed
that fails is printed and ends the run (exit code 1). Add it to STORIES in tests/broker/log/test_crashes.py.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests")]

from log_harness.scenario import run_log_seed  # noqa: E402

REPORT_EVERY_S = 10.0


def main() -> None:
    arguments = parse_arguments()
    # Every crash is a warning in the log; they are what is wanted here.
    logging.disable(logging.CRITICAL)
    started = reported = time.monotonic()
    seed, crashes = arguments.first_seed, 0
    while True:
        try:
            crashes += run_log_seed(seed, lives=arguments.lives, operations_max=arguments.operations)
        except BaseException:
            print(f"seed {seed} failed (--lives {arguments.lives} --operations {arguments.operations})")
            raise
        seed += 1
        now = time.monotonic()
        finished = seed - arguments.first_seed >= arguments.seeds if arguments.seeds else False
        finished = finished or (arguments.minutes is not None and now - started >= arguments.minutes * 60)
        if finished or now - reported >= REPORT_EVERY_S:
            reported = now
            print(f"{seed - arguments.first_seed} seeds, {crashes} crashes and faults survived, {now - started:.0f} s")
        if finished:
            return


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, help="stop after so many")
    parser.add_argument("--minutes", type=float, help="stop after so long (default: 1 if --seeds is not given)")
    parser.add_argument("--lives", type=int, default=8, help="crashes per seed")
    parser.add_argument("--operations", type=int, default=200, help="changes of the disk in one life, at most")
    arguments = parser.parse_args()
    if arguments.seeds is None and arguments.minutes is None:
        arguments.minutes = 1.0
    return arguments


if __name__ == "__main__":
    main()
