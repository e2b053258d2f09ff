"""Work that nobody waits for: each task has a name, a period, an owner that stops it, and a log line when it fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

logger = logging.getLogger(__name__)


class BackgroundTasks:
    """Runs each function every `period_s` seconds, counted from the end of the run before: none overtakes itself."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def every(self, period_s: float, name: str, run: Callable[[], Awaitable[None]]) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(_repeat(period_s, name, run), name=name))

    async def stop(self) -> None:
        """Cancel all; a run that is under way in a worker thread ends before this returns."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()


async def _repeat(period_s: float, name: str, run: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(period_s)  # a period, not a synchronisation: nobody waits for what runs then
        try:
            await run()
        except Exception:  # a failed run is reported, and the next one tries again
            logger.exception("background task %s failed; it runs again in %.0f s", name, period_s)
