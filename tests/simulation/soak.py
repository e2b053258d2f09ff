"""The loop of the soak scripts: seed after seed until the time is over, and the failing one by its number."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping

REPORT_EVERY_S = 10.0

# Keywords as in `amounts`; answers how many crashes and faults the seed survived.
RunSeed = Callable[..., int]


def soak(run_seed: RunSeed, *, about: str | None, amounts: Mapping[str, int]) -> None:
    """`about` is the script's own text, for --help; `amounts` the keywords of `run_seed`, each an option, and what they
    are where nothing else is said. One that is False is a switch."""
    arguments = _parse_arguments(about, amounts)
    chosen = {name: getattr(arguments, name) for name in amounts}
    started = reported = time.monotonic()
    seed, crashes = arguments.first_seed, 0
    while True:
        try:
            crashes += run_seed(seed, **chosen)
        except BaseException:
            print(f"seed {seed} failed ({' '.join(f'{_option(name)} {value}' for name, value in chosen.items())})")
            raise
        seed += 1
        now = time.monotonic()
        finished = seed - arguments.first_seed >= arguments.seeds if arguments.seeds else False
        finished = finished or (arguments.minutes is not None and now - started >= arguments.minutes * 60)
        if finished or now - reported >= REPORT_EVERY_S:
            reported = now
            print(
                f"{seed - arguments.first_seed} seeds, {crashes} crashes and faults survived, {now - started:.0f} s",
                flush=True,
            )
        if finished:
            return


def _option(name: str) -> str:
    return f"--{name.removesuffix('_max').replace('_', '-')}"


def _parse_arguments(about: str | None, amounts: Mapping[str, int]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, help="stop after so many")
    parser.add_argument("--minutes", type=float, help="stop after so long (default: 1 if --seeds is not given)")
    for name, default in amounts.items():
        if default is False:
            parser.add_argument(_option(name), dest=name, action="store_true")
        else:
            parser.add_argument(
                _option(name), dest=name, type=int, default=default, help=f"in one seed (default {default})"
            )
    arguments = parser.parse_args()
    if arguments.seeds is None and arguments.minutes is None:
        arguments.minutes = 1.0
    return arguments
