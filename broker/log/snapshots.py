"""The producer snapshots of one log: taken at rolls, checkpoints and closing, so that restarts need not scan the log.

`<offset>.snapshot` holds the producer state of everything below `offset`. A log that has no producers keeps no
files; `empty_until` says up to which offset that is known, and the node's checkpoint remembers it. Restoring
takes the newest of the two at or below the wanted offset and reads the batch headers from there on.

Kept: one snapshot per segment start (a truncation restores from it) and the newest.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from broker.log.disk import Disk
from broker.log.producer_snapshot import decode_snapshot, encode_snapshot
from broker.log.producer_state import ProducerStates
from protocol.records import BatchHeader, ControlType, read_end_transaction_marker
from wal import CorruptionError

if TYPE_CHECKING:
    from broker.log.readable_log import ReadableLog
    from broker.log.segment import Segment

SNAPSHOT_SUFFIX = ".snapshot"


class Snapshots:
    """`offsets` are those of the files that exist, ascending."""

    __slots__ = ("directory", "disk", "empty_until", "offsets")

    def __init__(self, disk: Disk, directory: str) -> None:
        self.disk = disk
        self.directory = directory
        self.offsets: list[int] = []
        self.empty_until = -1

    def path(self, offset: int) -> str:
        return f"{self.directory}/{offset:020d}{SNAPSHOT_SUFFIX}"

    def take(self, log: ReadableLog) -> str | None:
        """Write the state at the log's end, without sync; returns the path, None where nothing needs writing.
        Nothing may be pending: a snapshot is of what is written."""
        if not log.producer_states_loaded:
            return None
        states, offset = log.producer_states, log.log_end_offset
        if not states.entries:
            self.empty_until = offset
            return None
        if self.offsets and self.offsets[-1] == offset and not states.changed:
            return None
        path = self.path(offset)
        self.disk.write_new(path, [encode_snapshot(states)])
        states.changed = False
        if offset not in self.offsets:
            self.offsets.append(offset)
        log.dirty.files[path] = None
        log.dirty.directory = True
        self._drop_superseded(log)
        return path

    def _drop_superseded(self, log: ReadableLog) -> None:
        starts = {segment.base_offset for segment in log.segments}
        kept = [offset for offset in self.offsets[:-1] if offset in starts] + self.offsets[-1:]
        # The one before the newest stays until the newest is synced: a torn file must find a predecessor.
        kept = sorted({*kept, *self.offsets[-2:]})
        for offset in self.offsets:
            if offset not in kept:
                self.disk.remove(self.path(offset))
        self.offsets = kept

    def truncate_to(self, offset: int) -> None:
        """Snapshots of a longer log are of another history."""
        while self.offsets and self.offsets[-1] > offset:
            self.disk.remove(self.path(self.offsets.pop()))
        self.empty_until = min(self.empty_until, offset)

    def truncate_to_at_most(self, offset: int) -> None:
        """After a crash: a file above the recovery point may be of records that never became durable."""
        while self.offsets and self.offsets[-1] > offset:
            self.disk.remove(self.path(self.offsets.pop()))
        if self.empty_until > offset:
            self.empty_until = -1

    def forget_before(self, offset: int) -> None:
        """Drop files below `offset`, the log's first segment, but the newest."""
        while len(self.offsets) > 1 and self.offsets[0] < offset:
            self.disk.remove(self.path(self.offsets.pop(0)))

    def restore(self, log: ReadableLog, end_offset: int) -> ProducerStates:
        """The state of everything below `end_offset`."""
        states, position = self._newest(log, end_offset)
        if position >= end_offset:
            return states
        for index in range(log.segment_index(position), len(log.segments)):
            segment = log.segments[index]
            if segment.base_offset >= end_offset:
                break
            if segment.size_bytes:
                replay_segment(states, segment, max(position, segment.base_offset), end_offset)
        return states

    def _newest(self, log: ReadableLog, end_offset: int) -> tuple[ProducerStates, int]:
        """The best known state at or below `end_offset`, and the offset it is of."""
        for offset in reversed(self.offsets[: bisect_right(self.offsets, end_offset)]):
            if offset < self.empty_until <= end_offset:
                break
            path = self.path(offset)
            try:
                return decode_snapshot(self.disk.read_all(path), path), offset
            except CorruptionError:
                # An older one and more headers give the same state.
                self.disk.remove(path)
                self.offsets.remove(offset)
        if 0 <= self.empty_until <= end_offset:
            return ProducerStates(), self.empty_until
        return ProducerStates(), log.segments[0].base_offset


def replay_segment(states: ProducerStates, segment: Segment, start_offset: int, end_offset: int) -> None:
    """Bring `states` from `start_offset` to `end_offset`, as far as both lie in `segment`."""
    for position, header in segment.scan(segment.trusted_start(start_offset)):
        if header.base_offset >= end_offset:
            return
        if header.producer_id >= 0 and header.base_offset >= start_offset:
            replay_batch(states, segment, position, header)
        if header.next_offset >= end_offset:
            return  # what follows may be a torn tail


def replay_batch(states: ProducerStates, segment: Segment, position: int, header: BatchHeader) -> None:
    if not header.is_control:
        # What compaction has emptied still says which sequence its producer was at.
        states.update(header, header.base_offset)
        return
    if not header.record_count:
        return
    data = segment.disk.pread(segment.log_path, header.size_bytes, position)
    marker = read_end_transaction_marker(data, 0, header)
    aborted = marker.control_type is ControlType.ABORT
    states.end_transaction(header, header.base_offset, marker.coordinator_epoch, aborted=aborted)
