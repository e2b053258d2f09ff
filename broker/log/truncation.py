"""Cutting a log at its end or start, and making what it wrote durable: the changes that are not appends.

A cut below the recovery point, or the log's start, first lowers that on disk: were the node to crash in between, what
is above it is verified again instead of being trusted. The journal's TRUNCATE entry then repeats the cut.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from broker.log.disk import Disk
from broker.log.segment import Segment
from wal import StorageError, SyncFailed

if TYPE_CHECKING:
    from broker.log.partition_log import PartitionLog


@dataclass(slots=True)
class DirtyFiles:
    """What a log has changed since its last checkpoint."""

    marked: bool = False
    segments: dict[int, Segment] = field(default_factory=dict)
    files: dict[str, None] = field(default_factory=dict)  # an ordered set
    directory: bool = False
    # The lowest end the log had since the running checkpoint began: no recovery point may lie above it.
    lowest_end_offset: int | None = None


def truncation_offset(log: PartitionLog, offset: int) -> int:
    """Where `truncate_to(offset)` would end the log: a batch is never split, its records before `offset` go too."""
    if offset >= log.log_end_offset or offset < log.segments[0].base_offset:
        return min(offset, log.log_end_offset)
    segment = log.segments[log.segment_index(offset)]
    found = segment.find_batch(offset) if segment.size_bytes else None
    return offset if found is None else min(offset, found[1].base_offset)


def truncate_to(log: PartitionLog, offset: int, *, repair: bool = False) -> None:
    """Drop everything from `offset` on. `repair`: also where the log already ends there, after a failed write."""
    if offset >= log.log_end_offset and not repair:
        return
    if offset < log.segments[0].base_offset:
        restart_at(log, offset)
        return
    index = log.segment_index(offset)
    active = log.segments[index]
    found = active.find_batch(offset) if active.size_bytes else None
    if found is not None:
        offset = min(offset, found[1].base_offset)
    _lower(log, offset)
    log.mark_dirty()
    _drop_segments(log, log.segments[index + 1 :])
    log.dirty.segments[active.base_offset] = active
    active.truncate_to(offset, active.size_bytes if found is None else found[0])
    # Durable at once: were the old tail to come back under what is appended next, it would be taken for a part of it.
    log.disk.sync(active.log_path)
    log.log_end_offset = log.written_end_offset = offset
    log.log_start_offset = min(log.log_start_offset, offset)
    _forget_state_from(log, offset)


def restart_at(log: PartitionLog, offset: int) -> None:
    """Drop all segments; the log is empty and goes on at `offset`."""
    log.make_names_durable()
    _lower(log, 0)
    log.mark_dirty()
    segment = Segment(log.disk, log.directory, offset, 0)
    old = [kept for kept in log.segments if kept.base_offset != offset]
    for path in segment.paths:
        log.disk.remove(path)
    log.disk.create(segment.log_path)
    log.segments.append(segment)
    _drop_segments(log, old)
    for path in log.discarded:
        log.disk.remove(path)
    log.discarded.clear()
    log.disk.sync_directory(log.directory)
    log.segments[:] = [segment]
    log.dirty.segments = {offset: segment}
    log.dirty.directory = True
    log.log_start_offset = log.log_end_offset = log.written_end_offset = offset
    log.recovery_point = min(log.recovery_point, offset)
    log.leader_epochs.clear()
    log.snapshots.truncate_to(-1)
    log.snapshots.empty_until = offset
    _forget_state_from(log, offset)


def _lower(log: PartitionLog, offset: int) -> None:
    lowest = log.dirty.lowest_end_offset
    log.dirty.lowest_end_offset = offset if lowest is None else min(lowest, offset)
    if offset < log.recovery_point or offset < log.log_start_offset:
        before, log.recovery_point = log.recovery_point, min(log.recovery_point, offset)
        try:
            if log.on_lowered is not None:
                log.on_lowered(log, min(log.log_start_offset, offset))
        except StorageError:
            log.recovery_point = before  # the next try must write it
            raise


def _drop_segments(log: PartitionLog, dropped: list[Segment]) -> None:
    for segment in dropped:
        log.segments.remove(segment)
        log.dirty.segments.pop(segment.base_offset, None)
        for path in segment.paths:
            log.disk.remove(path)
    if dropped:
        log.disk.sync_directory(log.directory)


def _forget_state_from(log: PartitionLog, offset: int) -> None:
    log.leader_epochs.truncate_from_end(offset)
    log.snapshots.truncate_to(offset)
    log.dirty.directory = True  # a snapshot of the cut history must not come back
    log.producer_states = None
    log.read_positions.clear()
    log.active_changed()


def advance_log_start(log: PartitionLog, offset: int) -> None:
    assert offset <= log.log_end_offset, f"{log}: the start cannot pass the end"
    if offset <= log.log_start_offset:
        return
    log.log_start_offset = offset
    log.leader_epochs.truncate_from_start(offset)
    log.mark_dirty()


@dataclass(slots=True)
class CheckpointWork:
    """One log's part of a checkpoint: taken out on the loop's thread, synced on any, finished on the loop's."""

    log: PartitionLog
    end_offset: int
    log_start_offset: int
    empty_until: int  # no producers are known below this offset; -1: some are
    files: list[str]
    directory: str
    sync_directory: bool
    sync_parent: bool  # the log's own name is new
    epochs: bytes | None
    discarded: list[str]  # files that retention gave up; they go once the log's new start is durable

    # The syncs, in four steps, each of them of all logs before the next: a sync between two new names has the file
    # system commit each for itself. `disk` is the thread's own. A file that is gone was dropped, nobody needs it. The
    # parent's sync is left to the caller, who does it once for all.

    def write_epochs(self, disk: Disk) -> None:
        if self.epochs is not None:
            with self.log.directory_lock:
                # Once the log is gone its directory may be that of another topic of this name.
                if not self.log.is_gone:
                    disk.write_new(self._new_epochs_path, [self.epochs])

    def sync_files(self, disk: Disk) -> None:
        for path in self.files:
            disk.sync(path)
        if self.epochs is not None:
            try:
                disk.sync(self._new_epochs_path)
            except SyncFailed as error:
                # Not final: nothing relies on that file yet, and the next checkpoint writes it again.
                raise StorageError(str(error)) from error

    def rename_epochs(self, disk: Disk) -> None:
        if self.epochs is not None:
            with self.log.directory_lock:
                if not self.log.is_gone:
                    disk.rename(self._new_epochs_path, self.log.leader_epochs_path)

    def sync_names(self, disk: Disk) -> None:
        if self.epochs is not None or self.sync_directory:
            disk.sync_directory(self.directory)

    @property
    def _new_epochs_path(self) -> str:
        return f"{self.log.leader_epochs_path}.tmp"

    def finish(self) -> None:
        """Everything below `end_offset` is durable, except what was cut meanwhile."""
        log = self.log
        lowest = log.dirty.lowest_end_offset
        point = self.end_offset if lowest is None else min(self.end_offset, lowest)
        log.recovery_point = max(log.recovery_point, point)
        if self.sync_parent:
            log.created_files = []

    @property
    def discardable(self) -> list[str]:
        """`discarded`, but for names that a log which was begun anew has taken meanwhile."""
        taken = {path for segment in list(self.log.segments) for path in segment.paths}
        return [path for path in self.discarded if path not in taken]

    def give_back(self) -> None:
        """The checkpoint failed where it may be tried again: the log's next one takes this part along."""
        log = self.log
        log.dirty.files.update(dict.fromkeys(self.files))
        log.dirty.directory |= self.sync_directory
        log.discarded = self.discardable + log.discarded
        if self.epochs is not None:
            log.leader_epochs.dirty = True
        log.mark_dirty()

    def take_back(self, dirty: DirtyFiles) -> None:
        """Undo `begin_checkpoint`, before anything else happened to the log."""
        self.log.dirty = dirty
        self.log.discarded = self.discarded
        if self.epochs is not None:
            self.log.leader_epochs.dirty = True


def begin_checkpoints(logs: list[PartitionLog]) -> list[CheckpointWork]:
    """Of all or none: what was taken out of one log before the disk refused another's indexes would be synced by
    nobody, and the next checkpoint would trim the journal over it. Raises StorageError."""
    before = [log.dirty for log in logs]
    work: list[CheckpointWork] = []
    try:
        for log in logs:
            work.append(begin_checkpoint(log))
    except StorageError:
        for begun, dirty in zip(work, before, strict=False):
            begun.take_back(dirty)
        raise
    return work


def begin_checkpoint(log: PartitionLog) -> CheckpointWork:
    """Flush what is only in memory and take the list of what must be synced; the log is clean from here on."""
    assert not log.failure, log.failure
    log.write_pending()
    dirty = log.dirty
    _ = log.producer_states
    log.snapshots.take(log)
    files = [path for segment in dirty.segments.values() for path in (segment.log_path, *segment.flush_indexes())]
    for segment in dirty.segments.values():
        if segment is not log.active:
            files += [segment.offset_index.path, segment.time_index.path]
    files += [*dirty.files, *log.created_files]
    work = CheckpointWork(
        log,
        log.written_end_offset,
        log.log_start_offset,
        log.snapshots.empty_until,
        list(dict.fromkeys(files)),
        log.directory,
        dirty.directory or bool(log.created_files),
        bool(log.created_files),
        log.leader_epochs_to_write,
        log.discarded,
    )
    log.discarded = []
    if work.epochs is not None:
        log.leader_epochs.dirty = False
    log.dirty = DirtyFiles()
    return work
