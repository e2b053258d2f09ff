"""A limit on how long a measurement may take, whatever it hangs in: none may stop a suite that runs overnight."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from broker.bench.wire import BenchError


class TimeIsUp(BenchError):
    """Raised wherever the first thread is then, blocked in a system call or not."""


@contextmanager
def time_limit(seconds: float, what: str) -> Iterator[None]:
    """TimeIsUp after so many seconds. In the program's first thread only, and not within another limit."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise TimeIsUp(f"{what} was not done within {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
