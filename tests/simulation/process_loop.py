"""An event loop of asyncio for one simulated process: its time is the world's, its sockets are the network's.

A loop turns when it has something to do: what was ready when a turn began is run, at one moment of the world, and the
next turn comes no sooner than `TURN_S` later. So processes work beside each other, and nothing is free. A process that
was killed never turns again: its tasks simply stop, without CancelledError and without `finally`, as in life.
"""

# The loop takes any callback with any arguments; asyncio's stubs tie one to the other.
# mypy: disable-error-code="override"
from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulation.process import Process

# What a turn takes.
TURN_S = 50e-6
# A look costs about what a turn costs. What went wrong between two looks stays wrong: nothing mends a number that went
# back but the next life.
TURNS_PER_LOOK = 8


class ProcessLoop(asyncio.AbstractEventLoop):
    def __init__(self, process: Process) -> None:
        self.process = process
        self.world = process.world
        self._clock = process.machine.clock
        self._ready: deque[asyncio.Handle] = deque()
        self._will_turn = False
        self._next_turn_s = 0.0
        self._turns = 0
        self._workers: dict[object, Jobs] = {}
        self._tasks_of_the_dead: list[asyncio.Task[Any]] = []
        # What the job that runs at this moment told the loop.
        self.told_by_job: list[asyncio.Handle] | None = None
        self.is_stopped = False
        self.is_paused = False

    # --- time and turns ------------------------------------------------------------------------------------------

    def time(self) -> float:
        return self._clock.monotonic_s()

    def call_soon(
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        if not self._will_turn:
            self._turn_soon()
        return handle

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        if not self.is_stopped:
            self.world.at(self._clock.world_s(when), self._timer_due, timer)
        return timer

    def _timer_due(self, timer: asyncio.TimerHandle) -> None:
        if timer.cancelled() or self.is_stopped:
            return
        self._ready.append(timer)
        if not self._will_turn:
            self._turn_soon()

    def _timer_handle_cancelled(self, timer: asyncio.TimerHandle) -> None:
        """It is passed over when its time comes."""

    def _turn_soon(self) -> None:
        if self.is_paused or self.is_stopped:
            return
        self._will_turn = True
        self.world.at(self._next_turn_s, self._turn)

    def _turn(self) -> None:
        self._will_turn = False
        if self.is_paused or self.is_stopped:
            return
        ready = self._ready
        events._set_running_loop(self)
        try:
            for _ in range(len(ready)):
                handle = ready.popleft()
                if handle._cancelled:
                    continue
                try:
                    handle._context.run(handle._callback, *handle._args)  # type: ignore[attr-defined]
                except BaseException as error:  # noqa: BLE001 - the guard of every callback, as in asyncio's own loop
                    self.call_exception_handler({"message": f"callback {handle!r}", "exception": error})
                if self.is_stopped:
                    return
        finally:
            events._set_running_loop(None)
        world = self.world
        self._next_turn_s = world.now_s + TURN_S
        if ready:
            self._turn_soon()
        self._turns += 1
        if self._turns % TURNS_PER_LOOK == 0:
            for look in world.after_turn:
                look(self.process)

    def pause(self) -> None:
        self.is_paused = True

    def resume(self) -> None:
        self.is_paused = False
        if self._ready and not self._will_turn:
            self._turn_soon()

    def kill(self) -> None:
        """Nothing of it ever runs again. Its tasks are kept, so that no collector ends them in between."""
        if self.is_stopped:
            return
        self.is_stopped = True
        self._tasks_of_the_dead = list(asyncio.all_tasks(self))  # before what alone may hold them is cleared
        self._ready.clear()
        for task in self._tasks_of_the_dead:
            task._log_destroy_pending = False  # type: ignore[attr-defined]

    def bury(self) -> None:
        """When the world is over: end the coroutines of the dead, wherever they stand."""
        tasks, self._tasks_of_the_dead = self._tasks_of_the_dead, []
        for task in tasks:
            coroutine: Any = task.get_coro()
            # One that never began holds what it was to await: `Dispatcher._finish`, a handler.
            for each in [coroutine, *_awaited_by_unbegun(coroutine)]:
                try:
                    each.close()
                except BaseException:  # noqa: BLE001 - nobody is left whom it could concern
                    continue

    # --- futures and tasks ---------------------------------------------------------------------------------------

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self, coro: Coroutine[Any, Any, Any], *, name: str | None = None, context: contextvars.Context | None = None
    ) -> asyncio.Task[Any]:
        return asyncio.Task(coro, loop=self, name=name, context=context)

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return not self.is_stopped

    def is_closed(self) -> bool:
        return self.is_stopped

    def get_exception_handler(self) -> None:
        return None

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if not self.is_stopped:
            self.process.fault(context.get("message", ""), context.get("exception"))

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        self.call_exception_handler(context)

    # --- work beside the loop ------------------------------------------------------------------------------------

    def call_soon_threadsafe(
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        """What a job tells the loop is heard when the job has ended."""
        if self.told_by_job is None:
            return self.call_soon(callback, *args, context=context)
        handle = asyncio.Handle(callback, args, self, context)
        self.told_by_job.append(handle)
        return handle

    def hear(self, told: list[asyncio.Handle]) -> None:
        self._ready.extend(told)
        if told and not self._will_turn:
            self._turn_soon()

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """On the default executor (None) jobs run beside each other, on any other one after the other."""
        future = self.create_future()
        jobs = Jobs(self) if executor is None else self._workers.setdefault(executor, Jobs(self))
        jobs.add(functools.partial(self._carry_out, future, functools.partial(func, *args)))
        return future

    def _carry_out(self, future: asyncio.Future[Any], work: Callable[[], Any]) -> None:
        if future.cancelled():
            return
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - it is the future's
            self.call_soon_threadsafe(_unless_done, future, future.set_exception, error)
        else:
            self.call_soon_threadsafe(_unless_done, future, future.set_result, result)

    # --- sockets -------------------------------------------------------------------------------------------------

    async def create_server(self, protocol_factory: Any, host: Any = None, port: Any = None, **options: Any) -> Any:
        return self.world.network.listen(
            self.process, protocol_factory, port, is_serving=options.get("start_serving", True)
        )

    async def create_connection(self, protocol_factory: Any, host: Any = None, port: Any = None, **options: Any) -> Any:
        return await self.world.network.connect(self.process, protocol_factory, host, port)


def _awaited_by_unbegun(coroutine: Coroutine[Any, Any, Any]) -> list[Coroutine[Any, Any, Any]]:
    if inspect.getcoroutinestate(coroutine) != inspect.CORO_CREATED:
        return []
    return [each for each in inspect.getcoroutinelocals(coroutine).values() if inspect.iscoroutine(each)]


def _unless_done(future: asyncio.Future[Any], settle: Callable[[Any], None], outcome: Any) -> None:
    if not future.done():
        settle(outcome)


class Jobs:
    """Blocking work in the order it came. Each piece is done at one moment: some time after the one before, and some
    time before the loop hears of it."""

    def __init__(self, loop: ProcessLoop) -> None:
        self._loop = loop
        self._waiting: deque[Callable[[], None]] = deque()
        self._told: list[asyncio.Handle] = []
        self._is_busy = False

    def add(self, work: Callable[[], None]) -> None:
        self._waiting.append(work)
        if not self._is_busy:
            self._is_busy = True
            self._loop.process.work_later(self._run)

    def _run(self) -> None:
        if self._waiting:
            self._do(self._waiting.popleft())
        self._loop.process.work_later(self._end)

    def _do(self, work: Callable[[], None]) -> None:
        loop = self._loop
        loop.told_by_job = self._told
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - what ends a thread; that of a crashed machine ends anyhow
            loop.process.fault("a thread ended", error)
        finally:
            loop.told_by_job = None

    def _end(self) -> None:
        told, self._told = self._told, []
        self._loop.hear(told)
        self._is_busy = bool(self._waiting)
        if self._is_busy:
            self._loop.process.work_later(self._run)

    def finish(self) -> None:
        """Do all that waits now, as one does who waits for a thread to end."""
        while self._waiting:
            self._do(self._waiting.popleft())
        told, self._told = self._told, []
        self._loop.hear(told)


class SimulatedWorker:
    """A `broker.machine.Worker` as a job of the loop."""

    def __init__(self, loop: ProcessLoop) -> None:
        self._jobs = Jobs(loop)
        self._is_woken = False
        self._has_ended = False

    def start(self, work: Callable[[], bool]) -> None:
        self._work = work
        if self._is_woken:
            self._jobs.add(self._run)

    def wake(self) -> None:
        if not self._is_woken:
            self._is_woken = True
            if hasattr(self, "_work"):
                self._jobs.add(self._run)

    def stop(self) -> None:
        self._is_woken = False
        self.wake()
        self._jobs.finish()

    def _run(self) -> None:
        self._is_woken = False
        if not self._has_ended:
            self._has_ended = not self._work()
