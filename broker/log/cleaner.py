"""Which log to compact next, and what became of it: the cleaner's memory between compactions.

    work = cleaner.choose(now_ms, high_watermark_of)     loop: the dirtiest log that is due, or None
    compaction = cleaner.begin(work, now_ms)             loop
    compaction.run()                                     worker thread
    cleaner.finish(compaction)                           loop: swaps, and remembers how far the log is clean

A log whose compaction fails is left alone until the next start, and its log line says why: it grows, but is served.
Where putting the result in place fails, it takes no writes until then, either.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from broker.log.compaction import Cleanable, Compaction, begin_compaction, cleanable
from broker.log.log_manager import LogManager
from broker.log.offset_map import MEMORY_BYTES_DEFAULT
from broker.log.partition_log import PartitionLog
from wal import StorageError

logger = logging.getLogger(__name__)


class LogCleaner:
    """One compaction at a time. `memory_bytes` is log.cleaner.dedupe.buffer.size."""

    def __init__(self, logs: LogManager, *, memory_bytes: int = MEMORY_BYTES_DEFAULT) -> None:
        self._logs = logs
        self._memory_bytes = memory_bytes
        self._uncleanable: dict[PartitionLog, str] = {}

    def choose(self, now_ms: int, high_watermark_of: Callable[[PartitionLog], int]) -> Cleanable | None:
        """The log with the largest share of uncompacted bytes among those that are due."""
        due: list[Cleanable] = []
        for log in self._logs.logs.values():
            # Nothing to do with one segment, and most logs are not compacted.
            if not log.config.compact or len(log.segments) < 2 or log.failure or log in self._uncleanable:
                continue
            first_dirty = self._logs.files.cleaned_until.get((log.topic, log.partition), 0)
            work = cleanable(log, first_dirty, now_ms, high_watermark_of(log))
            if work.is_due:
                due.append(work)
        return max(due, key=lambda work: (work.is_overdue, work.dirty_ratio), default=None)

    def begin(self, work: Cleanable, now_ms: int) -> Compaction:
        return begin_compaction(work, self._logs.disk.filesystem, now_ms, memory_bytes=self._memory_bytes)

    def failed(self, log: PartitionLog, error: StorageError) -> None:
        logger.error("%s is not compacted any more until the next start: %s", log, error)
        self._uncleanable[log] = str(error)

    def finish(self, compaction: Compaction) -> bool:
        """Swap. False if the log changed meanwhile; it will be chosen again."""
        log = compaction.log
        try:
            swapped = compaction.swap()
        except StorageError as error:
            # Half a swap is finished by the next start; until then this log must not be written behind it.
            log.failure = (
                f"a compaction could not be put in place, so nothing is appended to {log} until this node is "
                f"restarted: {error}"
            )
            self.failed(log, error)
            return False
        if swapped:
            key = (log.topic, log.partition)
            with self._logs.files.lock:
                self._logs.files.cleaned_until[key] = compaction.end_offset
            log.mark_dirty()
        return swapped
