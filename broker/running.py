"""A node as the whole of a process: its loop, the signals that stop it, and the status it ends with."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import Callable

from broker.config import BrokerConfig
from broker.node import Node

logger = logging.getLogger(__name__)


def run_node(config: BrokerConfig, *, on_ready: Callable[[Node], None] = lambda node: None) -> int:
    """Serve until SIGINT or SIGTERM; returns the exit status. A second signal ends the process at once.

    Raises what `Node.start` raises, before anything is served.
    """
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(_serve(config, on_ready))


def new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


async def _serve(config: BrokerConfig, on_ready: Callable[[Node], None]) -> int:
    node = Node(config)
    await node.start()
    loop = asyncio.get_running_loop()

    def asked_to_stop() -> None:
        node.stop_requested.set()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked_to_stop)
    spare_the_collector()
    on_ready(node)
    await node.stop_requested.wait()
    if node.failure:
        await node.leave()
        logger.critical("this node ends: other brokers have what it has, and it cannot write")
        return 1
    await node.stop()
    return 0


def spare_the_collector() -> None:
    """What exists now stays, and what requests make has no cycles: look for garbage rarely, and not at all of that.

    The collector's default costs about a tenth of the CPU of a single-record produce request.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
