"""What production code reports as its own fault while a world runs: an exception that reached one of its guards.

Errors of the disk are no faults: they are what the world does to a broker.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from simulation.process_loop import ProcessLoop
from wal import StorageError

if TYPE_CHECKING:
    from simulation.world import World

LOGGER = "broker"


class InternalErrors(logging.Handler):
    """`with` it, the log of the brokers goes here. At a lower level `echo` is told every line, and by whom."""

    def __init__(self, world: World, *, level: int = logging.ERROR) -> None:
        super().__init__(level)
        self._world = world
        self._logger = logging.getLogger(LOGGER)
        self.echo: Callable[[str], object] = print

    def emit(self, record: logging.LogRecord) -> None:
        loop = asyncio._get_running_loop()
        process = loop.process if isinstance(loop, ProcessLoop) else None
        if process is not None and process.is_dead:
            return
        if self.level < logging.ERROR:
            self.echo(f"{self._world.now_s:9.4f} {process} {record.levelname} {record.getMessage()}")
        if record.exc_info is None or record.levelno < logging.ERROR:
            return
        error = record.exc_info[1]
        if not isinstance(error, (StorageError, OSError)):
            self._world.faults.append(f"{process}: {record.getMessage()}: {error!r}")

    def __enter__(self) -> InternalErrors:
        self._before = (self._logger.level, self._logger.propagate, logging.root.manager.disable)
        logging.disable(logging.NOTSET)
        self._logger.setLevel(self.level)
        self._logger.propagate = False
        self._logger.addHandler(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._logger.removeHandler(self)
        level, self._logger.propagate, disabled = self._before
        self._logger.setLevel(level)
        logging.disable(disabled)
