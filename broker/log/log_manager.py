"""All logs of a node: opened at start, created and deleted, checkpointed, and closed cleanly.

    <data>/.kafka_cleanshutdown                 there after a clean stop, removed at the next start
    <data>/recovery-point-offset-checkpoint     up to where each log is synced
    <data>/log-start-offset-checkpoint          where each log starts, if not at its first segment
    <data>/empty-producer-state-checkpoint      up to where a log is known to have no producers
    <data>/cleaner-offset-checkpoint            up to where a log is compacted
    <data>/closed-size-checkpoint               bytes of each log's segments at a clean stop, see closed_sizes.py
    <data>/<topic>-<partition>/                 a partition's files, and partition.metadata

One partition that cannot be opened does not stop the others: it is in `offline` with the reason. Everything runs on
the loop's thread but `Checkpoint.run`, `Compaction.run` and `remove_paths`: these belong on a worker.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping

from broker.log.checkpointing import Checkpoint, CheckpointFiles
from broker.log.checkpoints import TopicPartition
from broker.log.closed_sizes import ClosedSizes, bytes_to_keep
from broker.log.discards import Discards
from broker.log.disk import OPEN_FILES_DEFAULT, Disk
from broker.log.log_config import LogConfig
from broker.log.opening import LogOpening
from broker.log.partition_directory import (
    DELETE_SUFFIX,
    METADATA_FILE,
    STRAY_SUFFIX,
    directory_name,
    encode_metadata,
    parse_directory_name,
    renamed,
)
from broker.log.partition_log import PartitionLog
from broker.log.recovery import LogIdentity, create_log
from broker.log.replay import LogReplay
from broker.log.truncation import begin_checkpoints
from wal import Entry, Filesystem, StorageError, SyncFailed

logger = logging.getLogger(__name__)

CLEAN_SHUTDOWN_FILE = ".kafka_cleanshutdown"

LogKey = tuple[bytes, int]

_KAFKAS_DEFAULTS = LogConfig()


class LogManager:
    """`logs` by (topic id, partition). Start: `load_all`, then `replay` of the journal (also when there is none)."""

    def __init__(
        self,
        filesystem: Filesystem,
        data_directory: str,
        *,
        config_of: Callable[[str], LogConfig] = lambda topic: _KAFKAS_DEFAULTS,
        open_files_max: int = OPEN_FILES_DEFAULT,
        opens_later: bool = True,
    ) -> None:
        """`opens_later`: what the start could not open may be opened while the node serves. Not where appends do not go
        into the journal: the next start would repeat its old entries over them."""
        self.disk = Disk(filesystem, open_files_max)
        self.data_directory = data_directory
        self.logs: dict[LogKey, PartitionLog] = {}
        self.files = CheckpointFiles(data_directory)
        self._closed_sizes = ClosedSizes(self.disk, data_directory)
        self._config_of = config_of
        self._opening = LogOpening(
            self.disk,
            self.files,
            self._closed_sizes,
            config_of=config_of,
            lower_files=self._lower,
            opens_later=opens_later,
        )
        self.offline: Mapping[TopicPartition, str] = self._opening.offline
        self._by_name: dict[TopicPartition, PartitionLog] = {}
        self._dirty: dict[PartitionLog, None] = {}
        self._discards = Discards()
        self._sync_failure = ""
        # A checkpoint that may be tried again; its part goes into the next one.
        self._unfinished: Checkpoint | None = None
        self._root_dirty = False

    # --- start -----------------------------------------------------------------------------------------------------

    def load_all(self, *, now_ms: int = 0) -> None:
        """Open every partition under the data directory. Raises StorageError only where that directory fails us."""
        disk = self.disk
        disk.make_directory_durably(self.data_directory)
        names = disk.list(self.data_directory)
        clean = CLEAN_SHUTDOWN_FILE in names
        self.files.read(disk)
        self._closed_sizes.read()
        disk.remove(self._path(CLEAN_SHUTDOWN_FILE))
        # What was read decides what is removed, so it must not change back: a process may have died before its sync.
        disk.sync_directory(self.data_directory)
        for name in names:
            if name.endswith(DELETE_SUFFIX):
                self._discards.add(self._path(name), due_ms=now_ms)
            elif (identity := parse_directory_name(name)) is not None:
                self._opening.load(*identity, clean)
        self._opening.loaded()
        # Before the first append what the last stop left is gone, durably, even where a start before died over it.
        disk.sync_directory(self.data_directory)

    def _adopt(self, log: PartitionLog) -> None:
        log.on_dirty = self._mark_dirty
        log.lower_files = self._lower
        self.logs[(log.topic_id, log.partition)] = log
        self._by_name[(log.topic, log.partition)] = log
        if log.dirty.marked:
            self._mark_dirty(log)

    def _mark_dirty(self, log: PartitionLog) -> None:
        self._dirty[log] = None

    def _lower(self, log: PartitionLog, disk: Disk, recovery_point: int, log_start: int) -> None:
        self.files.lower(disk, (log.topic, log.partition), recovery_point=recovery_point, log_start=log_start)

    def replay(self, entries: Iterable[Entry], *, now_ms: int = 0) -> int:
        """Repeat all of the journal's entries onto the logs, in order; returns how many concerned a log that is here.

        A log that cannot take one, or misses records at the end, goes offline; what is gone is passed over."""
        applied = sum([self._opening.apply(entry) for entry in entries])
        self._finish_replay(now_ms)
        return applied

    def _finish_replay(self, now_ms: int) -> None:
        opened: list[LogReplay] = []
        for replay in self._opening.finish():
            try:
                self._take_over(replay, now_ms)
                opened.append(replay)
            except StorageError as error:
                self._opening.refuse_log(replay.log, error)
        # Records that reached a segment and not the journal: made durable before the journal names what follows them,
        # or a second crash could take them from under it.
        uncovered = [replay.log for replay in opened if replay.has_uncovered and not replay.is_removed]
        failure = self._make_durable(uncovered) if uncovered else None
        for replay in opened:
            if failure is None or replay.log not in uncovered:
                self._opening.opened((replay.log.topic, replay.log.partition))
        if isinstance(failure, SyncFailed):
            raise failure

    def _take_over(self, replay: LogReplay, now_ms: int) -> None:
        if replay.is_removed:
            self.delete(replay.log, now_ms)
        else:
            self._adopt(replay.log)

    def _make_durable(self, logs: list[PartitionLog]) -> StorageError | None:
        """Where the disk refuses it they are offline, and this is why."""
        try:
            self._start_checkpoint(0, logs).run()
        except StorageError as error:
            for log in logs:
                self._drop(log)
                self._opening.refuse_log(log, error)
            return error
        return None

    # --- what the start left offline, and the disk may let be opened now -------------------------------------------

    def waits(self, topic: str, partition: int) -> bool:
        """Whether this one, which is offline, is opened without a restart."""
        return (topic, partition) in self._opening.waiting

    def to_load_again(self) -> list[TopicPartition]:
        """Those that wait and for which there is room. `load_again` each, then `repeat` the journal if one
        `is_replaying`, then `finish_repeating`, beside no checkpoint; until then they are offline."""
        return self._opening.with_room()

    def load_again(self, topic: str, partition: int) -> None:
        self._opening.load(topic, partition, False)

    @property
    def is_replaying(self) -> bool:
        return self._opening.is_under_way

    def repeat(self, entry: Entry) -> None:
        self._opening.apply(entry)

    def finish_repeating(self, now_ms: int, failure: StorageError | None = None) -> None:
        """`failure`: of the journal, which could not be read to its end."""
        if failure is not None:
            self._opening.journal_failed(failure)
        self._finish_replay(now_ms)

    def _drop(self, log: PartitionLog) -> None:
        self.logs.pop((log.topic_id, log.partition), None)
        self._by_name.pop((log.topic, log.partition), None)
        self._dirty.pop(log, None)
        self.disk.forget_directory(log.directory)

    # --- partitions come and go ------------------------------------------------------------------------------------

    def find(self, topic_id: bytes, partition: int) -> PartitionLog | None:
        return self.logs.get((topic_id, partition))

    def get_or_create(
        self, topic: str, topic_id: bytes, partition: int, *, config: LogConfig | None = None
    ) -> PartitionLog:
        """The log of a partition, made where it is missing. Raises StorageError if it is offline or cannot be made.

        A new log's names become durable with its first write, before anything is acknowledged."""
        log = self.logs.get((topic_id, partition))
        if log is not None:
            if config is not None:
                log.update_config(config)
            return log
        reason = self.offline.get((topic, partition))
        if reason is not None:
            raise StorageError(reason)
        return self._create(topic, topic_id, partition, config or self._config_of(topic))

    def _create(self, topic: str, topic_id: bytes, partition: int, config: LogConfig) -> PartitionLog:
        directory = self._path(directory_name(topic, partition))
        former = self._by_name.get((topic, partition))
        if former is not None:
            self.delete(former)  # of a topic of the same name that was deleted before
        self.files.begin_log(self.disk, (topic, partition))
        self.disk.make_directory(directory)
        metadata = f"{directory}/{METADATA_FILE}"
        self.disk.write_new(metadata, [encode_metadata(topic_id)])
        log = create_log(self.disk, LogIdentity(directory, topic, topic_id, partition), config)
        log.created_files = [metadata]
        log.mark_dirty()
        self._adopt(log)
        return log

    def delete(self, log: PartitionLog, now_ms: int = 0) -> None:
        """Take the log away: its directory is renamed now and removed `file.delete.delay.ms` after `now_ms`."""
        target = self._rename_away(log, DELETE_SUFFIX)
        self._discards.add(target, due_ms=now_ms + log.config.file_delete_delay_ms if now_ms else 0)

    def set_aside_strays(self, known_topic_ids: Iterable[bytes]) -> list[str]:
        """Take away the logs of topics that nobody knows, but keep their files: most likely the node stopped in the
        middle of a deletion, but a metadata log that lost its end looks the same, and then they are all there is."""
        known = set(known_topic_ids)
        strays = [log for log in self.logs.values() if log.topic_id not in known]
        for log in strays:
            target = self._rename_away(log, STRAY_SUFFIX)
            logger.warning("no topic has the partition %s; its files are kept in %s, remove them", log, target)
        return [str(log) for log in strays]

    def _rename_away(self, log: PartitionLog, suffix: str) -> str:
        self._drop(log)
        log.failure = f"{log} was deleted"
        self.files.forget((log.topic, log.partition))
        target = self._path(renamed(log.topic, log.partition, log.topic_id, suffix))
        self.disk.remove_directory(target)
        with log.directory_lock:
            log.is_gone = True
            self.disk.rename(log.directory, target)
        self._root_dirty = True
        return target

    def take_deleted(self, now_ms: int) -> list[str]:
        """Paths whose delay is over, for `remove_paths` on a worker thread."""
        return self._discards.take(now_ms)

    # --- housekeeping ----------------------------------------------------------------------------------------------

    def apply_retention(self, log: PartitionLog, now_ms: int, high_watermark: int) -> int:
        return log.apply_retention(now_ms, high_watermark)

    def expire_producers(self, now_ms: int, expiration_ms: int) -> int:
        return sum([log.expire_producers(now_ms, expiration_ms) for log in self.logs.values()])

    def begin_checkpoint(self, sequence: int) -> Checkpoint:
        """Take out what must be synced so that journal entries below `sequence` are no longer needed. Loop's thread.

        `run` may begin once the journal is durable up to everything enqueued by now: a recovery point must not be
        ahead of the journal, or a replay would take records of one history for those of another."""
        if self._sync_failure:
            raise SyncFailed(self._sync_failure)
        unfinished, self._unfinished = self._unfinished, None
        if unfinished is not None:
            unfinished.give_back()
            self._root_dirty |= unfinished.sync_root
        logs = [log for log in self._dirty if not log.failure]
        if self.offline or len(logs) < len(self._dirty):
            # Nobody syncs a log that failed, or repeats entries onto one that is offline: the journal keeps them.
            sequence = 0
        return self._start_checkpoint(sequence, logs)

    def checkpoint(self, sequence: int) -> int:
        """Begin and run, blocking. Returns the journal sequence below which the journal may be trimmed."""
        (checkpoint := self.begin_checkpoint(sequence)).run()
        return checkpoint.sequence

    def _start_checkpoint(self, sequence: int, logs: list[PartitionLog]) -> Checkpoint:
        work = begin_checkpoints(logs)
        for log in logs:
            self._dirty.pop(log, None)
        sync_root, self._root_dirty = self._root_dirty, False
        checkpoint = Checkpoint(
            sequence,
            work,
            files=self.files,
            disk=self.disk,
            is_current=lambda log: self.logs.get((log.topic_id, log.partition)) is log,
            discards=self._discards,
            sync_root=sync_root,
            on_failure=lambda error: self._checkpoint_failed(checkpoint, error),
        )
        return checkpoint

    def _checkpoint_failed(self, checkpoint: Checkpoint, error: StorageError) -> None:
        """On the checkpoint's thread."""
        if isinstance(error, SyncFailed):
            self._sync_failure = f"{error}; a failed sync is not repeated: restart this node, which recovers"
        else:
            self._unfinished = checkpoint

    def _path(self, name: str) -> str:
        return f"{self.data_directory}/{name}"

    # --- stop ------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Sync everything and leave the mark of a clean stop, unless something could not be synced. Raises StorageError
        where the disk refuses, and the next start recovers as after a crash."""
        try:
            for log in self.logs.values():
                if not log.failure:
                    log.write_pending()
            self.checkpoint(0)
        except StorageError as error:
            raise StorageError(f"not stopped cleanly, so the next start recovers as after a crash: {error}") from error
        # A log that is offline, that failed, or whose last checkpoint never ran must be looked at by the next start:
        # after a clean stop it believes that a log ends at its recovery point.
        unsynced = any(log.failure or log.recovery_point < log.log_end_offset for log in self.logs.values())
        if not self.offline and not unsynced:
            self._closed_sizes.write({key: bytes_to_keep(log) for key, log in self._by_name.items()})
            self.disk.write_atomically(self._path(CLEAN_SHUTDOWN_FILE), b"version: 0\n")
        self.disk.close()
