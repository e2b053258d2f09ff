"""Who waits for the disk by the turn of the loop: for all that was appended in it, by whichever partition.

A turn's appends go into the journal together, one behind the other, so that the last of them is durable when all are:
one wait a request, and one callback a turn, instead of one for each partition of each request.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from broker.durability import Durability, resume_all

_Waiters = list[Callable[[], None]]


class Turns:
    """A waiter runs once: when its turn is durable, or when nothing will be any more. Which it is, it finds out."""

    __slots__ = ("_count", "_now", "_written")

    def __init__(self) -> None:
        self._now: _Waiters = []
        # By number, for with `flush=interval` a turn may be acknowledged before one that is older.
        self._written: dict[int, _Waiters] = {}
        self._count = 0

    @property
    def has_waiters(self) -> bool:
        """Somebody waits for the turn that is going on."""
        return bool(self._now)

    def wait(self, waiter: Callable[[], None]) -> None:
        self._now.append(waiter)

    def written(self, durability: Durability) -> None:
        """The turn is over, and `durability` has all of it."""
        if not self._now:
            return
        self._count += 1
        self._written[self._count], self._now = self._now, []
        durability.after_all(partial(self._end, self._count))

    def end_all(self) -> None:
        """The journal failed: nothing that was written will be durable."""
        for turn in tuple(self._written):
            self._end(turn)

    def _end(self, turn: int) -> None:
        resume_all(self._written.pop(turn, ()))
