"""Opening the logs that a start finds and repeating the journal onto them; what is refused is offline, with the reason.

A log that the disk refuses for a cause that may pass (no room, no descriptor left) waits, and `load_again` with another
pass over the journal does later what the start did, while the others are served. The files and the entries are then as
they were: who is offline takes no records, and no checkpoint lets the journal be trimmed while anyone is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from broker.log.checkpointing import CheckpointFiles
from broker.log.checkpoints import TopicPartition
from broker.log.closed_sizes import ClosedSizes
from broker.log.disk import Disk
from broker.log.journal_entries import KINDS, decode
from broker.log.log_config import LogConfig
from broker.log.partition_directory import METADATA_FILE, decode_metadata, directory_name, encode_metadata
from broker.log.partition_log import PartitionLog
from broker.log.recovery import LogIdentity, open_log
from broker.log.replay import LogReplay
from wal import CorruptionError, Entry, StorageError, SyncFailed

logger = logging.getLogger(__name__)

# What a replay leaves free: a journal or a metadata log that finds no room fails until the restart, or ends the start.
# The indexes, a hundredth of their log, are taken from it, too.
ROOM_TO_SPARE_BYTES = 8 * 1024 * 1024
# After so much of a replay it is looked again how much is free.
ROOM_TAKEN_AT_ONCE_BYTES = 1024 * 1024


class LogOpening:
    """`load` each, `apply` the journal's entries in order, `finish`: then what is whole belongs to the caller."""

    def __init__(
        self,
        disk: Disk,
        files: CheckpointFiles,
        closed_sizes: ClosedSizes,
        *,
        config_of: Callable[[str], LogConfig],
        lower_files: Callable[[PartitionLog, Disk, int, int], None],
        opens_later: bool,
    ) -> None:
        self.offline: dict[TopicPartition, str] = {}
        # Those that wait for the disk, and how many bytes the journal has for each, as far as that is known.
        self.waiting: dict[TopicPartition, int] = {}
        self._disk = disk
        self._files = files
        self._closed_sizes = closed_sizes
        self._config_of = config_of
        self._lower_files = lower_files
        self._opens_later = opens_later
        self._replays: dict[tuple[bytes, int], LogReplay] = {}
        self._room_bytes = 0

    # --- opening -----------------------------------------------------------------------------------------------

    def load(self, topic: str, partition: int, clean: bool) -> None:
        key = (topic, partition)
        directory = f"{self._files.directory}/{directory_name(topic, partition)}"
        recovery_point = self._files.recovery_points.get(key)
        start_offset = self._files.log_starts.get(key, 0)
        try:
            topic_id = self._read_topic_id(directory)
            if topic_id is None:
                self.opened(key)
                return
            log, verified = open_log(
                self._disk,
                LogIdentity(directory, topic, topic_id, partition),
                self._config_of(topic),
                log_start_offset=start_offset,
                recovery_point=recovery_point or 0,
                empty_producers_until=self._files.empty_until.get(key, -1),
                clean=clean and recovery_point is not None,
                closed_bytes=self._closed_sizes.get(key),
            )
            if recovery_point is None:
                # Never checkpointed: its names may be in the page cache only, and this file, too.
                log.created_files = [f"{directory}/{METADATA_FILE}"]
                self._disk.rewrite(log.created_files[0], encode_metadata(topic_id), 0)
                log.mark_dirty()
        except StorageError as error:
            self.refuse(key, error)
            return
        log.lower_files = self._lower_files
        self._replays[(topic_id, partition)] = LogReplay(
            log, verified, self._take_room, log.recovery_point, start_offset
        )

    def _read_topic_id(self, directory: str) -> bytes | None:
        """None for a directory whose creation a crash interrupted before anything was promised; it is removed."""
        path = f"{directory}/{METADATA_FILE}"
        try:
            return decode_metadata(self._disk.read_if_there(path) or b"", path)
        except CorruptionError:
            names = self._disk.list(directory)
            if any(self._disk.size(f"{directory}/{name}") for name in names if name != METADATA_FILE):
                raise
            self._disk.remove_directory(directory)
            return None

    def loaded(self) -> None:
        """The start has loaded all: what the files say of others is of the past. Durable with the next sync of the
        data directory."""
        loaded = {(replay.log.topic, replay.log.partition) for replay in self._replays.values()}
        self._files.forget_all_but({*loaded, *self.offline})
        self._closed_sizes.forget_all_but(self.offline)

    # --- the journal -------------------------------------------------------------------------------------------

    @property
    def is_under_way(self) -> bool:
        return bool(self._replays)

    def apply(self, entry: Entry) -> bool:
        """Whether it concerned one that was loaded; what is gone is passed over."""
        if entry.kind not in KINDS:
            return False
        decoded = decode(entry.kind, entry.payload)
        replay = self._replays.get((decoded.topic_id, decoded.partition))
        if replay is None:
            return False
        replay.apply(decoded)
        return True

    def journal_failed(self, error: StorageError) -> None:
        """Instead of the rest of its entries."""
        for replay in self._replays.values():
            replay.refused = replay.refused or error

    def finish(self) -> list[LogReplay]:
        """The journal is through. A log that could not take an entry, or misses records at the end, goes offline."""
        replays, self._replays = self._replays, {}
        whole: list[LogReplay] = []
        for replay in replays.values():
            replay.finish()
            if replay.refused is not None:
                self.refuse_log(replay.log, replay.refused, owed_bytes=replay.owed_bytes)
            elif replay.hole:
                hole = f"the journal and the segments do not join: {replay.hole}"
                self.refuse_log(replay.log, CorruptionError(hole))
            else:
                whole.append(replay)
        return self._without_closed_sizes(whole)

    def _without_closed_sizes(self, whole: list[LogReplay]) -> list[LogReplay]:
        """Durably, before those that waited change: the next start must not compare them with what they once had."""
        keys = {(replay.log.topic, replay.log.partition) for replay in whole}
        if all(self._closed_sizes.get(key) is None for key in keys):
            return whole
        try:
            self._closed_sizes.forget_all_but(self.offline.keys() - keys)
            self._disk.sync_directory(self._files.directory)
        except StorageError as error:
            for replay in whole:
                self.refuse_log(replay.log, error)
            return []
        return whole

    # --- what is refused, and tried again ----------------------------------------------------------------------

    def refuse_log(self, log: PartitionLog, error: StorageError, *, owed_bytes: int = 0) -> None:
        self._disk.forget_directory(log.directory)
        self.refuse((log.topic, log.partition), error, owed_bytes=owed_bytes)

    def refuse(self, key: TopicPartition, error: StorageError, *, owed_bytes: int = 0) -> None:
        """Told once, and once more when there is nothing to wait for any more."""
        is_final = not self._opens_later or isinstance(error, (CorruptionError, SyncFailed))
        if key not in self.offline or (is_final and key in self.waiting):
            until = ", and opened when the disk lets it" if not is_final else ""
            if is_final and not isinstance(error, CorruptionError):
                until = " until this node is restarted, which repeats the journal onto it"
            logger.error("partition %s-%d is offline%s: %s", *key, until, error)
        self.offline[key] = str(error)
        if is_final:
            self.waiting.pop(key, None)
        else:
            self.waiting[key] = owed_bytes

    def _take_room(self, size_bytes: int) -> None:
        if size_bytes > self._room_bytes:
            free_bytes = self._disk.free_bytes(self._files.directory) - ROOM_TO_SPARE_BYTES
            self._room_bytes = min(free_bytes, max(size_bytes, ROOM_TAKEN_AT_ONCE_BYTES))
            if size_bytes > self._room_bytes:
                raise StorageError(
                    f"the disk of {self._files.directory} has no room for what the journal has of it, beside the "
                    f"{ROOM_TO_SPARE_BYTES} bytes that must stay free; free space on that disk (or shorten retention)"
                )
        self._room_bytes -= size_bytes

    def with_room(self) -> list[TopicPartition]:
        """Those that wait and for which there is room, as far as it is known what they need."""
        if not self.waiting:
            return []
        room_bytes = self._disk.free_bytes(self._files.directory) - ROOM_TO_SPARE_BYTES
        chosen: list[TopicPartition] = []
        for key, owed_bytes in self.waiting.items():
            if owed_bytes <= room_bytes:
                room_bytes -= owed_bytes
                chosen.append(key)
        return chosen

    def opened(self, key: TopicPartition) -> None:
        self.offline.pop(key, None)
        self.waiting.pop(key, None)
