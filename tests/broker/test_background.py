"""Background tasks end when their owner says so, and not before their work on a thread has ended."""

from __future__ import annotations

import asyncio
import threading

from broker.background import BackgroundTasks, Drainer, in_worker


def test_stop_waits_for_the_work_on_a_thread() -> None:
    """A checkpoint that went on beside the closing of the logs wrote its older log starts over the newer ones: what
    DeleteRecords had deleted came back after a clean stop."""
    begun, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        may_end.wait(30)
        ended.set()

    async def scenario() -> None:
        background = BackgroundTasks()
        background.every(0, "work", lambda: in_worker(work))
        await asyncio.to_thread(begun.wait, 30)
        stopping = asyncio.ensure_future(background.stop())
        for _ in range(10):
            await asyncio.sleep(0)
        assert not stopping.done()
        may_end.set()
        await stopping
        assert ended.is_set()

    asyncio.run(scenario())


def test_a_run_that_fails_is_run_again() -> None:
    runs = 0
    enough = asyncio.Event()

    async def fail() -> None:
        nonlocal runs
        runs += 1
        if runs == 3:
            enough.set()
        raise ZeroDivisionError("a fault of ours")

    async def scenario() -> None:
        background = BackgroundTasks()
        background.every(0, "failing", fail)
        await enough.wait()
        await background.stop()

    asyncio.run(scenario())


def test_a_drainer_has_one_task_at_a_time_and_begins_anew_for_what_comes_later() -> None:
    gathered: list[int] = []
    drained: list[list[int]] = []

    async def drain() -> None:
        while gathered:
            drained.append(gathered[:])
            gathered.clear()
            await asyncio.sleep(0)

    async def scenario() -> None:
        drainer = Drainer("drain", drain, loop=asyncio.get_running_loop())
        for number in (1, 2):
            gathered.append(number)
            drainer.begin()
        await drainer.settled()
        gathered.append(3)
        drainer.begin()
        await drainer.settled()
        await drainer.cancel()

    asyncio.run(scenario())
    assert drained == [[1, 2], [3]]
