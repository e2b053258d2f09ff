"""What is done once at the end of a turn of the loop: what was appended in it is written, what was answered is sent.

One callback does all of it, in the order it came up. Were each step a callback that schedules the next one, the loop
would look at every socket between them: two more polls for a record that is answered from the page cache.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TypeVar

A = TypeVar("A")

# Written out, and then the answers that this brought. What a step after these brings is for the next turn: with a long
# pipeline of requests each answer lets another one begin, and the other connections must have their turn.
STEPS_IN_A_TURN = 2


class EndOfTurn:
    __slots__ = ("_has_begun", "_loop", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[Callable[[], None]] = deque()
        self._has_begun = False

    def add(self, callback: Callable[[], None]) -> None:
        """Run `callback` once, at the end of this turn."""
        if not self._waiting and not self._has_begun:
            self._loop.call_soon(self._end)
        self._waiting.append(callback)

    def run(self, work: Callable[[A], None], argument: A) -> None:
        """Do `work`, which the loop was called for, and then at once what it brought: the turn has nothing else."""
        self._has_begun = True
        try:
            work(argument)
        finally:
            self._end()

    def _end(self) -> None:
        waiting = self._waiting
        self._has_begun = True
        try:
            for _ in range(STEPS_IN_A_TURN):
                for _ in range(len(waiting)):
                    waiting.popleft()()
        finally:
            self._has_begun = False
            if waiting:  # for the next turn, or one of them raised
                self._loop.call_soon(self._end)
