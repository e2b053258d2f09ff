"""Work that nobody waits for: each task has a name, a period, an owner that stops it, and a log line when it fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger(__name__)


class BackgroundTasks:
    """Runs each function every `period_s` seconds, counted from the end of the run before: none overtakes itself."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def every(self, period_s: float, name: str, run: Callable[[], Awaitable[None]]) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(_repeat(period_s, name, run), name=name))

    async def stop(self) -> None:
        """Cancel all; what runs `in_worker` ends before this returns."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()


class Drainer:
    """At most one task that works off what gathers: begun when there is something, gone when there is nothing more."""

    def __init__(self, name: str, drain: Callable[[], Awaitable[None]], *, loop: asyncio.AbstractEventLoop) -> None:
        """`drain` returns, without a wait after its last look, when it found nothing more."""
        self._name = name
        self._drain = drain
        self._loop = loop
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Something has gathered."""
        if self._task is None:
            self._task = self._loop.create_task(self._run(), name=self._name)

    async def settled(self) -> None:
        """Return when nothing that has gathered is still to be done."""
        while self._task is not None:
            await asyncio.wait([self._task])

    async def cancel(self) -> None:
        """What runs `in_worker` ends before this returns; the rest is left."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            await self._drain()
        finally:
            self._task = None


async def _repeat(period_s: float, name: str, run: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(period_s)  # a period, not a synchronisation: nobody waits for what runs then
        try:
            await run()
        except Exception:  # a failed run is reported, and the next one tries again
            logger.exception("background task %s failed; it runs again in %.0f s", name, period_s)


async def in_worker(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `work` on a thread. Cancelled, it first waits for the thread: a thread cannot be stopped, and what it does to
    the files must not go on beside whoever closes them."""
    running = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
