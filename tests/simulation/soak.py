"""The loop of the soak scripts: seed after seed until the time is over, and the failing one by its number."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

REPORT_EVERY_S = 10.0

# Keywords `lives` and `operations_max`; answers how many crashes and faults the seed survived.
RunSeed = Callable[..., int]


def soak(run_seed: RunSeed, *, about: str | None, operations_max: int) -> None:
    """`about` is the script's own text, for --help; `operations_max` what a life has where nothing else is said."""
    arguments = _parse_arguments(about, operations_max)
    started = reported = time.monotonic()
    seed, crashes = arguments.first_seed, 0
    while True:
        try:
            crashes += run_seed(seed, lives=arguments.lives, operations_max=arguments.operations)
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


def _parse_arguments(about: str | None, operations_max: int) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, help="stop after so many")
    parser.add_argument("--minutes", type=float, help="stop after so long (default: 1 if --seeds is not given)")
    parser.add_argument("--lives", type=int, default=8, help="crashes per seed")
    parser.add_argument(
        "--operations", type=int, default=operations_max, help="changes of the disk in one life, at most"
    )
    arguments = parser.parse_args()
    if arguments.seeds is None and arguments.minutes is None:
        arguments.minutes = 1.0
    return arguments
