"""What a node has of the machine that it runs on: a disk, clocks, chance, threads. A simulation gives it other ones."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue
from typing import Protocol

from broker.clock import Clock, SystemClock
from broker.data_directory import DirectoryLock
from wal import Filesystem, OsFilesystem


class Worker(Protocol):
    """Runs one piece of work beside the loop, again and again."""

    @property
    def wake(self) -> Callable[[], None]:
        """There is something to do: `work` begins once more after this, now or when it ends what it is doing."""
        ...

    def start(self, work: Callable[[], bool]) -> None:
        """`work` answers whether it goes on."""
        ...

    def stop(self) -> None:
        """Let `work` begin for the last time; returns when it has ended."""
        ...


class WorkerThread:
    """A `Worker`, of the operating system."""

    def __init__(self, name: str) -> None:
        # Not an event, whose both sides are written in Python: it costs a commit 7 us of CPU more.
        self._woken: SimpleQueue[None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._stopping = False
        # Not a method: it is called for every turn of the loop that appended something.
        self.wake: Callable[[], None] = partial(self._woken.put, None)

    def start(self, work: Callable[[], bool]) -> None:
        self._work = work
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        self.wake()
        self._thread.join()

    def _run(self) -> None:
        woken = self._woken
        while True:
            woken.get()
            while not woken.empty():  # nobody else takes from it; what comes after this look is another run
                woken.get()
            stopping = self._stopping
            if not self._work() or stopping:
                return


class Lock(Protocol):
    def release(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Machine:
    """`chance` makes identities, so it must not be guessable. `lock_directory` raises DirectoryInUse."""

    filesystem: Filesystem = field(default_factory=OsFilesystem)
    clock: Clock = field(default_factory=SystemClock)
    chance: random.Random = field(default_factory=random.SystemRandom)
    lock_directory: Callable[[str], Lock] = DirectoryLock
    new_worker: Callable[[str], Worker] = WorkerThread
