"""The loop of soak scripts whose seeds are independent: chunks of them on several processes, failing ones by number."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from time import monotonic

REPORT_EVERY_S = 10.0

# (first seed, how many) -> what happened, counted by what it is called, and a line for each seed that failed.
RunChunk = Callable[[int, int], tuple[Counter[str], list[str]]]


def soak_in_parallel(run_chunk: RunChunk, *, about: str | None, seeds: int, chunk: int) -> int:
    """Exit status. `about` is the script's own text, for --help; `seeds` how many where nothing else is said."""
    arguments = _parse_arguments(about, seeds)
    began = reported = monotonic()
    last = arguments.first + arguments.seeds
    firsts = range(arguments.first, last, chunk)
    counts = [min(chunk, last - first) for first in firsts]
    done, failed = 0, 0
    happened: Counter[str] = Counter()
    with ProcessPoolExecutor(arguments.processes) as pool:
        for count, (more, failures) in zip(counts, pool.map(run_chunk, firsts, counts), strict=True):
            done, failed = done + count, failed + len(failures)
            happened += more
            for failure in failures:
                print(failure, flush=True)
            if monotonic() - reported >= REPORT_EVERY_S:
                reported = monotonic()
                print(f"{done} seeds, {failed} failed, {monotonic() - began:.0f} s", flush=True)
    what = "".join(f"{number} {name}, " for name, number in happened.items())
    print(f"{done} seeds, {what}{failed} failed, {monotonic() - began:.0f} s")
    return 1 if failed else 0


def _parse_arguments(about: str | None, seeds: int) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=seeds, help=f"how many (default {seeds})")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default 0)")
    parser.add_argument("--processes", type=int, default=2, help="worker processes (default 2)")
    return parser.parse_args()
