"""What keeps the node in order while nobody waits: checkpoints, retention, compaction, removal of what was deleted, and
a look whether the process has descriptors left.

A checkpoint bounds how long a restart after kill -9 takes: it runs when its interval is over, or as soon as the journal
has grown by `JOURNAL_BYTES_PER_CHECKPOINT`. Syncs and removals run on worker threads, everything else on the loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from broker.background import BackgroundTasks, in_worker
from broker.clock import Clock
from broker.config import BrokerConfig
from broker.descriptors import DescriptorWatch
from broker.log import Cleanable, LogCleaner, LogManager, PartitionLog, remove_paths
from broker.partition import PartitionTable
from wal import Filesystem, Journal, StorageError, SyncFailed

logger = logging.getLogger(__name__)

# About a second of replay after kill -9.
JOURNAL_BYTES_PER_CHECKPOINT = 128 * 1024 * 1024
# How often it is looked whether a checkpoint is due.
CHECKPOINT_LOOK_S = 1.0
# A checkpoint that failed is tried again so much later: soon after the cause is gone, and no load on a disk in trouble.
CHECKPOINT_RETRY_MS = 5_000
# Partitions that the disk did not let be opened are tried again so often.
OFFLINE_RETRY_S = 5.0
# A second without a descriptor is worth a line, less is not.
DESCRIPTORS_LOOK_S = 1.0
# Retention of so many logs is one step; between steps the loop serves requests.
LOGS_PER_STEP = 50


class Housekeeping:
    def __init__(
        self,
        *,
        config: Callable[[], BrokerConfig],
        clock: Clock,
        partitions: PartitionTable,
        logs: LogManager,
        journal: Journal,
        journal_caught_up: Callable[[], Awaitable[None]],
        filesystem: Filesystem,
    ) -> None:
        self._config = config
        self._clock = clock
        self._partitions = partitions
        self._logs = logs
        self._journal = journal
        self._journal_caught_up = journal_caught_up
        self._filesystem = filesystem
        self._cleaner = LogCleaner(logs, memory_bytes=config().log_cleaner_dedupe_buffer_size)
        self._descriptors = DescriptorWatch()
        self._checkpoint_due_ms = 0
        self._journal_bytes_kept = 0
        self._checkpoint_failure = ""
        self._retry_not_before_ms = 0

    def start(self, background: BackgroundTasks) -> None:
        config = self._config()
        self._schedule_checkpoint()
        background.every(CHECKPOINT_LOOK_S, "journal", self._look_after_journal)
        background.every(config.log_retention_check_interval_ms / 1000, "retention", self._apply_retention)
        if config.log_cleaner_enable:
            background.every(config.log_cleaner_backoff_ms / 1000, "compaction", self._compact)
        background.every(OFFLINE_RETRY_S, "offline partitions", self._open_offline)
        background.every(DESCRIPTORS_LOOK_S, "descriptors", self._look_at_descriptors)
        background.every(min(10.0, config.log_segment_delete_delay_ms / 1000 + 1), "removal", self._remove_deleted)

    # --- checkpoints -------------------------------------------------------------------------------------------

    def _schedule_checkpoint(self) -> None:
        interval_ms = self._config().log_flush_offset_checkpoint_interval_ms
        self._checkpoint_due_ms = self._clock.monotonic_ms() + interval_ms

    async def _look_after_journal(self) -> None:
        """One after the other: only one thread may trim and prepare."""
        await self._checkpoint_if_due()
        try:
            while self._journal.wants_spare:
                await in_worker(self._journal.prepare)
        except StorageError as error:
            logger.warning("no segment of the journal could be prepared, so commits take longer in this run: %s", error)

    async def _checkpoint_if_due(self) -> None:
        grown_bytes = self._journal.size_bytes - self._journal_bytes_kept
        now_ms = self._clock.monotonic_ms()
        if self._checkpoint_failure:
            if now_ms < self._retry_not_before_ms:
                return
        elif now_ms < self._checkpoint_due_ms and grown_bytes < JOURNAL_BYTES_PER_CHECKPOINT:
            return
        self._schedule_checkpoint()
        try:
            await self._checkpoint()
        except StorageError as error:
            self._checkpoint_failed(error)
        else:
            if self._checkpoint_failure:
                logger.warning("checkpoints succeed again, and the journal is trimmed")
            self._checkpoint_failure = ""

    def _checkpoint_failed(self, error: StorageError) -> None:
        """Nothing is lost: the journal keeps what it has until a checkpoint succeeds. Told once, not at every try."""
        self._retry_not_before_ms = self._clock.monotonic_ms() + CHECKPOINT_RETRY_MS
        if self._checkpoint_failure:
            return
        self._checkpoint_failure = str(error)
        if isinstance(error, SyncFailed):
            logger.error("no checkpoint can be made any more, so the journal grows: %s", error)
        else:
            retry_s = CHECKPOINT_RETRY_MS // 1000
            logger.error("no checkpoint could be made; tried again every %d s, the journal grows: %s", retry_s, error)

    async def _checkpoint(self) -> None:
        # Every entry below the next sequence has its records in a segment already: writing out comes before enqueueing.
        checkpoint = self._logs.begin_checkpoint(self._journal.next_sequence)
        # A recovery point ahead of the journal would let a replay take records of one history for those of another.
        await self._journal_caught_up()
        await in_worker(checkpoint.run)
        await in_worker(self._journal.trim, checkpoint.sequence)
        self._journal_bytes_kept = self._journal.size_bytes

    # --- retention ---------------------------------------------------------------------------------------------

    async def _apply_retention(self) -> None:
        for count, partition in enumerate(list(self._partitions)):
            self._retain(partition.log, partition.high_watermark)
            if count % LOGS_PER_STEP == LOGS_PER_STEP - 1:
                await asyncio.sleep(0)
        self._logs.expire_producers(self._clock.now_ms(), self._config().producer_id_expiration_ms)

    def _retain(self, log: PartitionLog, high_watermark: int) -> None:
        if log.failure:
            return  # deleted since the list was made: its directory may be another log's by now
        try:
            deleted = self._logs.apply_retention(log, self._clock.now_ms(), high_watermark)
        except StorageError as error:
            logger.error("retention of %s failed, and is tried again at its next check: %s", log, error)
            return
        if deleted:
            logger.info("retention of %s deleted %d segments; it starts at %d", log, deleted, log.log_start_offset)

    # --- compaction --------------------------------------------------------------------------------------------

    async def _compact(self) -> None:
        """Compact the dirtiest log that is due, then the next, until none is."""
        while (work := self._cleaner.choose(self._clock.now_ms(), self._high_watermark_of)) is not None:
            if not await self._compact_one(work):
                return

    async def _compact_one(self, work: Cleanable) -> bool:
        try:
            compaction = self._cleaner.begin(work, self._clock.now_ms())
            await in_worker(compaction.run)
        except StorageError as error:
            self._cleaner.failed(work.log, error)
            return True
        if not self._cleaner.finish(compaction):
            # The log changed meanwhile: it gets its next chance after the back-off, not at once and for ever.
            return False
        result = compaction.result
        logger.info("compaction of %s: %d bytes became %d", work.log, result.bytes_before, result.bytes_after)
        return True

    def _high_watermark_of(self, log: PartitionLog) -> int:
        partition = self._partitions.find_by_id(log.topic_id, log.partition)
        return partition.high_watermark if partition is not None else 0

    # --- removal, and what is tried again ------------------------------------------------------------------------

    async def _open_offline(self) -> None:
        self._partitions.open_again()

    async def _look_at_descriptors(self) -> None:
        self._descriptors.look()

    async def _remove_deleted(self) -> None:
        due = self._logs.take_deleted(self._clock.now_ms())
        if due:
            await in_worker(remove_paths, self._filesystem, due)
