"""Checkpoints of all logs: what bounds how much of the journal, and of the segments, a restart after a crash looks at.

`LogManager.begin_checkpoint` (loop) takes out what must be synced, `Checkpoint.run` (worker) syncs it and writes the
checkpoint files, then the journal may be trimmed below `Checkpoint.sequence`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from broker.log.checkpoints import (
    CLEANER_OFFSETS,
    EMPTY_PRODUCER_STATES,
    LOG_START_OFFSETS,
    RECOVERY_POINTS,
    TopicPartition,
    read_checkpoint,
    write_checkpoint,
)
from broker.log.discards import Discards
from broker.log.disk import Disk
from broker.log.partition_log import PartitionLog
from broker.log.retention import DELETED_SUFFIX
from broker.log.truncation import CheckpointWork
from wal import CorruptionError, StorageError, SyncFailed

logger = logging.getLogger(__name__)

# File systems commit the syncs of several threads together; a few logs are not worth the threads.
SYNC_THREADS = 8
LOGS_FOR_THREADS = 64


class CheckpointFiles:
    """The checkpoint files of a data directory and what they say, or will. The lock is for both: the loop lowers a
    point for a truncation while a worker writes them."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.lock = threading.Lock()
        self.recovery_points: dict[TopicPartition, int] = {}
        self.log_starts: dict[TopicPartition, int] = {}
        self.empty_until: dict[TopicPartition, int] = {}
        self.cleaned_until: dict[TopicPartition, int] = {}
        # Partitions that are gone, though the files still speak of them.
        self._outdated: set[TopicPartition] = set()
        # Whether the files lack something that is said here, because the disk refused it.
        self._unwritten = False

    def _files(self) -> list[tuple[str, dict[TopicPartition, int]]]:
        # Starts first: what retention gave up is not synced, so no recovery point may vouch for it.
        return [
            (LOG_START_OFFSETS, self.log_starts),
            (RECOVERY_POINTS, self.recovery_points),
            (EMPTY_PRODUCER_STATES, self.empty_until),
            (CLEANER_OFFSETS, self.cleaned_until),
        ]

    def read(self, disk: Disk) -> None:
        for name, offsets in self._files():
            try:
                offsets.update(read_checkpoint(disk, f"{self.directory}/{name}"))
            except CorruptionError as error:
                logger.warning("%s: every log is looked at from its start instead", error)

    def write(self, disk: Disk) -> None:
        """The lock is held."""
        self._unwritten = True
        for name, offsets in self._files():
            # Most nodes compact nothing; a file that would say nothing is not made.
            if offsets or disk.exists(f"{self.directory}/{name}"):
                write_checkpoint(disk, f"{self.directory}/{name}", offsets)
        self._unwritten = False
        self._outdated.clear()

    def forget(self, key: TopicPartition) -> None:
        with self.lock:
            self._forget(key)

    def _forget(self, key: TopicPartition) -> None:
        self._outdated.add(key)
        for _, offsets in self._files():
            offsets.pop(key, None)

    def forget_all_but(self, known: set[TopicPartition]) -> None:
        for key in {key for _, offsets in self._files() for key in offsets} - known:
            self._forget(key)

    def begin_log(self, disk: Disk, key: TopicPartition) -> None:
        """A new partition: what the files say of a former one of its name must not be taken for its own."""
        with self.lock:
            if key in self._outdated:
                self.write(disk)
            self.empty_until[key] = 0

    def lower(self, disk: Disk, key: TopicPartition, *, recovery_point: int, log_start: int) -> None:
        """Durable on return, before the truncation that needs it. A start that stayed above the cut would take what is
        appended below it for given up. The recovery point comes first: above the start it vouches for the segments from
        the start on, and those may be gone."""
        with self.lock:
            self._lower(disk, RECOVERY_POINTS, self.recovery_points, key, recovery_point)
            self._lower(disk, LOG_START_OFFSETS, self.log_starts, key, log_start)

    def _lower(self, disk: Disk, name: str, offsets: dict[TopicPartition, int], key: TopicPartition, to: int) -> None:
        before = offsets.get(key, 0)
        if before <= to:
            return
        offsets[key] = to
        try:
            if self._unwritten:
                self.write(disk)
            else:
                write_checkpoint(disk, f"{self.directory}/{name}", offsets)
        except StorageError:
            offsets[key] = before  # the next try must write it
            raise

    def take_in(self, work: CheckpointWork) -> None:
        """`work` is synced. The lock is held."""
        work.finish()
        key = (work.log.topic, work.log.partition)
        self.recovery_points[key] = work.log.recovery_point
        self.log_starts[key] = work.log_start_offset
        if work.empty_until >= 0:
            self.empty_until[key] = work.empty_until
        else:
            self.empty_until.pop(key, None)


class Checkpoint:
    """A checkpoint under way. `run` may block for many syncs and belongs on a worker thread."""

    def __init__(
        self,
        sequence: int,
        work: list[CheckpointWork],
        *,
        files: CheckpointFiles,
        disk: Disk,
        is_current: Callable[[PartitionLog], bool],
        discards: Discards,
        sync_root: bool,
        on_failure: Callable[[StorageError], None],
    ) -> None:
        self.sequence = sequence
        self.work = work
        self._files = files
        self._filesystem = disk.filesystem
        self._is_current = is_current
        self._discards = discards
        self.sync_root = sync_root
        self._on_failure = on_failure

    def run(self) -> None:
        """Sync, then write the checkpoint files. Raises StorageError, and `on_failure` is told: after SyncFailed no
        later checkpoint of this process may claim what this one did not sync, for the kernel forgets what it could not
        write; after anything else `give_back` puts this one's part into the next."""
        disk = Disk(self._filesystem, 4)
        try:
            self._sync_logs(disk)
            if self.sync_root or any(work.sync_parent for work in self.work):
                disk.sync_directory(self._files.directory)
            self._publish(disk)
        except StorageError as error:
            self._on_failure(error)
            raise
        finally:
            disk.close()

    def give_back(self) -> None:
        """Loop's thread, after a failed `run`."""
        for work in self.work:
            if self._is_current(work.log):
                work.give_back()

    def _sync_logs(self, disk: Disk) -> None:
        for work in self.work:
            work.write_epochs(disk)
        self._in_threads(CheckpointWork.sync_files, disk)
        for work in self.work:
            work.rename_epochs(disk)
        self._in_threads(CheckpointWork.sync_names, disk)

    def _in_threads(self, step: Callable[[CheckpointWork, Disk], None], disk: Disk) -> None:
        """The step of every log; only what waits for the disk is worth threads."""
        if len(self.work) < LOGS_FOR_THREADS:
            for work in self.work:
                step(work, disk)
            return
        with ThreadPoolExecutor(SYNC_THREADS, "checkpoint") as threads:
            parts = [self.work[first::SYNC_THREADS] for first in range(SYNC_THREADS)]
            done = [threads.submit(self._step_of_some, step, part) for part in parts]
        failures = [failure for part in done if isinstance(failure := part.exception(), StorageError)]
        # What is final must not hide behind what is not.
        for failure in sorted(failures, key=lambda failure: not isinstance(failure, SyncFailed)):
            raise failure
        for part in done:
            part.result()

    def _step_of_some(self, step: Callable[[CheckpointWork, Disk], None], part: list[CheckpointWork]) -> None:
        disk = Disk(self._filesystem, 4)
        try:
            for work in part:
                step(work, disk)
        finally:
            disk.close()

    def _publish(self, disk: Disk) -> None:
        with self._files.lock:
            current = [work for work in self.work if self._is_current(work.log)]
            for work in current:
                self._files.take_in(work)
            self._files.write(disk)
        for work in current:
            for path in work.discardable:
                disk.rename_if_there(path, path + DELETED_SUFFIX)
                self._discards.add_delayed(path + DELETED_SUFFIX, delay_ms=work.log.config.file_delete_delay_ms)
