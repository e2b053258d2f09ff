"""The loop of a simulated process, and how it ends."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Coroutine
from typing import Any

from simulation.process import SimulatedMachine
from simulation.world import World


async def _answer() -> None:
    """What a handler is, awaited by the task that sends its answer."""


async def _finish(awaited: Coroutine[Any, Any, None]) -> None:
    await awaited


def test_a_process_that_died_before_a_task_began_leaves_nothing_unawaited() -> None:
    world = World(1)
    process = SimulatedMachine(world, "machine").start_process()
    process.spawn(_finish(_answer()))

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        process.end()
        process.close()
        del process, world
        gc.collect()

    assert [str(each.message) for each in told] == []
