"""A node as the whole of a process: its loop, the signals that stop it, and the status it ends with."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from broker.config import BrokerConfig
from broker.descriptors import pass_over_failed_accepts
from broker.node import Node

logger = logging.getLogger(__name__)

STOPPING = (signal.SIGINT, signal.SIGTERM)

# mallopt(3), by the numbers of glibc's <malloc.h>.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
# Of the memory that was freed, this much stays with the process.
FREED_BYTES_KEPT = 64 * 1024 * 1024
HEAP_GROWS_BY_BYTES = 4 * 1024 * 1024
# Larger blocks go back to the system when they are freed; glibc takes no higher limit.
LARGEST_BLOCK_KEPT_BYTES = 32 * 1024 * 1024


def run_node(
    config: BrokerConfig,
    *,
    on_ready: Callable[[Node], None] = lambda node: None,
    on_stopping: Callable[[signal.Signals], None] = lambda number: None,
) -> int:
    """Serve until SIGINT or SIGTERM; returns the exit status. A second signal ends it at once, as kill -9 does.

    Raises what `Node.start` raises, before anything is served.
    """
    _keep_freed_memory()
    _spare_the_collector()
    with asyncio.Runner(loop_factory=_new_loop) as runner:
        return runner.run(_serve(config, on_ready, on_stopping))


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


def end_process(status: int) -> NoReturn:
    """At once: all is closed, and to take a node of 1,000 partitions apart object by object takes 30 ms."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # nobody reads it any more
            stream.flush()
    os._exit(status)


async def _serve(
    config: BrokerConfig, on_ready: Callable[[Node], None], on_stopping: Callable[[signal.Signals], None]
) -> int:
    node = Node(config)
    await node.start()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(pass_over_failed_accepts)

    def asked_to_stop(number: signal.Signals) -> None:
        if node.stop_requested.is_set():
            return
        node.stop_requested.set()
        for again in STOPPING:
            # Not by the loop, which may be closing a thousand logs. It keeps its own handlers: they wake it for this.
            signal.signal(again, _end_by_signal)
        on_stopping(number)

    for number in STOPPING:
        loop.add_signal_handler(number, asked_to_stop, number)
    gc.freeze()  # what was loaded
    on_ready(node)
    await node.stop_requested.wait()
    if node.failure:
        await node.leave()
        logger.critical("this node ends, for other brokers have what it has: start it again when its disk takes writes")
        return 1
    await node.stop()
    return 0


def _end_by_signal(number: int, frame: FrameType | None) -> NoReturn:
    """As the signal does where nobody handles it; with its status where it may not, as process 1 of a container."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    os._exit(128 + number)


def _spare_the_collector() -> None:
    """What exists now stays, and what requests make has no cycles: look for garbage rarely, and not at all of that.

    The collector's default costs about a tenth of the CPU of a single-record produce request, and of a start. To look
    once through what stays costs a twelfth of a start, and finds a thousand objects.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    gc.enable()


def _keep_freed_memory() -> None:
    """Requests and answers of a megabyte come and go: use their pages again instead of faulting in new ones.

    By default glibc gives a freed block of that size back to the system, and three quarters of the CPU of bulk produce
    then goes into page faults. Other C libraries have no such call and are left as they are, as is glibc where its
    environment variables (MALLOC_TRIM_THRESHOLD_ and the like) say something.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None or any(name.startswith("MALLOC_") for name in os.environ):
        return
    mallopt(_M_TRIM_THRESHOLD, FREED_BYTES_KEPT)
    mallopt(_M_TOP_PAD, HEAP_GROWS_BY_BYTES)
    mallopt(_M_MMAP_THRESHOLD, LARGEST_BLOCK_KEPT_BYTES)
