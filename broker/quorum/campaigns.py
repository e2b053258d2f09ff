"""When to ask for votes without waiting for the election timeout: there is no leader, and a majority could answer.

The first attempt comes at random within `FIRST_S`, each further one within twice as much, up to the election timeout:
so nodes that noticed together do not go on splitting the vote. A pre-vote comes first, which disturbs no leader.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

DELAY_S_MIN = 0.005
FIRST_S = 0.05


class Campaigns:
    """`may_win` says whether an attempt makes sense at this moment; `campaign` makes one."""

    def __init__(
        self,
        *,
        may_win: Callable[[], bool],
        campaign: Callable[[], None],
        longest_s: float,
        random_source: random.Random,
    ) -> None:
        self._may_win = may_win
        self._campaign = campaign
        self._longest_s = longest_s
        self._random = random_source
        self._attempts = 0
        self._timer: asyncio.TimerHandle | None = None

    def soon(self) -> None:
        if self._timer is not None or not self._may_win():
            return
        within_s = min(FIRST_S * 2**self._attempts, self._longest_s)
        delay_s = self._random.uniform(DELAY_S_MIN, within_s)
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._attempt)

    def there_is_a_leader(self) -> None:
        self._attempts = 0
        self.stop()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _attempt(self) -> None:
        self._timer = None
        if self._may_win():
            self._attempts += 1
            self._campaign()
            self.soon()
