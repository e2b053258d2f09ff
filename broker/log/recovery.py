"""Opening a log: by name after a clean stop, by verifying what lies above the recovery point after a crash.

After a clean stop, if the segments have the bytes they had then, the recovery point is the log's end and nothing is
read. After a crash every batch from the recovery point on is checked (checksum, ascending offsets); the first that is
not whole and right ends the log: it and everything behind it is cut, the journal has what was acknowledged of it.
Damage below the recovery point, and a segment missing there, is not a torn write: nothing could bring it back, so the
partition stays offline until someone looks at it.

A swap that compaction began is finished or undone first, see compaction_swap.py.
"""

from __future__ import annotations

import logging
from array import array
from bisect import bisect_left
from dataclasses import dataclass
from itertools import pairwise

from broker.log.compaction_swap import finish_or_undo_swaps
from broker.log.disk import Disk
from broker.log.log_config import LogConfig
from broker.log.partition_directory import METADATA_FILE
from broker.log.partition_log import PartitionLog
from broker.log.retention import DELETED_SUFFIX
from broker.log.segment import LOG_SUFFIX, SEGMENT_SUFFIXES, Segment, verified_batches
from broker.log.snapshots import SNAPSHOT_SUFFIX
from protocol.records import BatchHeader
from wal import CorruptionError

logger = logging.getLogger(__name__)

_GIVE_UP = (
    "stop this node and restore the files, or delete the partition's directory to give its records up (where other "
    "replicas have them they are copied again)"
)


@dataclass(slots=True)
class LogIdentity:
    directory: str
    topic: str
    topic_id: bytes
    partition: int


class VerifiedBatches:
    """What a recovery scan found above the recovery point: base offset and fingerprint of each batch.

    The journal's replay asks it whether a batch it holds is the very one in the segment."""

    __slots__ = ("_fingerprints", "_offsets", "start_offset")

    def __init__(self, start_offset: int) -> None:
        self.start_offset = start_offset
        self._offsets = array("q")
        self._fingerprints = array("Q")

    def add(self, header: BatchHeader) -> None:
        self._offsets.append(header.base_offset)
        self._fingerprints.append(fingerprint(header))

    def truncate_to(self, offset: int) -> None:
        kept = bisect_left(self._offsets, offset)
        del self._offsets[kept:]
        del self._fingerprints[kept:]

    def holds(self, header: BatchHeader) -> bool:
        """Whether this batch lies in the log; below the scanned part it is taken to."""
        if header.base_offset < self.start_offset:
            return True
        index = bisect_left(self._offsets, header.base_offset)
        return (
            index < len(self._offsets)
            and self._offsets[index] == header.base_offset
            and self._fingerprints[index] == fingerprint(header)
        )


def fingerprint(header: BatchHeader) -> int:
    """Checksum and leader epoch: the epoch is not under the checksum, and the same bytes may come again in another."""
    return (header.partition_leader_epoch & 0xFFFF_FFFF) << 32 | header.crc


def create_log(disk: Disk, identity: LogIdentity, config: LogConfig) -> PartitionLog:
    """A new log in an existing directory, with an empty segment at offset 0."""
    segment = Segment(disk, identity.directory, 0, 0)
    disk.create(segment.log_path)
    log = _log(disk, identity, config, [segment], 0, 0)
    log.snapshots.empty_until = 0
    return log


def open_log(
    disk: Disk,
    identity: LogIdentity,
    config: LogConfig,
    *,
    log_start_offset: int,
    recovery_point: int,
    empty_producers_until: int,
    clean: bool,
    closed_bytes: int | None = None,
) -> tuple[PartitionLog, VerifiedBatches]:
    """`closed_bytes`: what its segments had together when it was last closed cleanly, if that is known. Raises
    StorageError where the log cannot be served."""
    names = finish_or_undo_swaps(disk, identity.directory, disk.list(identity.directory))
    bases = _remove_leftovers(disk, identity.directory, names)
    segments = [Segment(disk, identity.directory, base) for base in bases]
    while len(segments) > 1 and segments[1].base_offset <= log_start_offset:
        # Retention or DeleteRecords gave it up, and a crash came before its files went.
        for path in segments.pop(0).paths:
            disk.remove(path)
    found_bytes = sum([segment.size_bytes for segment in segments]) if closed_bytes is not None else 0
    if found_bytes != closed_bytes:
        _check_joins(identity, segments, log_start_offset, recovery_point)
        if closed_bytes is not None and found_bytes < closed_bytes:
            raise _shrunk(identity, found_bytes, closed_bytes)
    if not segments:
        segments = [Segment(disk, identity.directory, log_start_offset, 0)]
        disk.create(segments[0].log_path)
        recovery_point = min(recovery_point, log_start_offset)
    start_offset = max(log_start_offset, segments[0].base_offset)
    log = _log(disk, identity, config, segments, start_offset, max(recovery_point, segments[-1].base_offset))
    log.recovery_point = recovery_point
    log.snapshots.empty_until = empty_producers_until
    log.snapshots.offsets = sorted(int(name[:20]) for name in names if name.endswith(SNAPSHOT_SUFFIX))
    _make_missing_indexes(log, set(names))
    verified = VerifiedBatches(recovery_point)
    if clean and found_bytes == closed_bytes and recovery_point >= segments[-1].base_offset:
        return log, verified
    _verify_tail(log, verified)
    # A start before may have died between a removal here and its sync: before the next write what is gone stays gone.
    log.created_files = [f"{identity.directory}/{METADATA_FILE}"]
    return log, verified


def _check_joins(identity: LogIdentity, segments: list[Segment], log_start_offset: int, recovery_point: int) -> None:
    """CorruptionError where segments are missing whose records were synced: what is left would be served with a hole.

    The point was lowered to 0, durably, before a log was begun anew further on, so above the start it vouches for it.
    """
    if recovery_point <= log_start_offset:
        return
    if not segments or segments[0].base_offset > log_start_offset:
        end_offset = segments[0].base_offset if segments else recovery_point
        raise _missing(identity, log_start_offset, end_offset, "its first segments are missing")
    for segment, following in pairwise(segments):
        if following.base_offset > recovery_point:
            return
        end_offset = segment.find_end_offset()
        if end_offset < following.base_offset:
            name = f"{end_offset:020d}{LOG_SUFFIX}"
            raise _missing(
                identity, end_offset, following.base_offset, f"{name} is missing, or the one before it was cut"
            )


def _missing(identity: LogIdentity, first: int, end: int, what: str) -> CorruptionError:
    return CorruptionError(
        f"{identity.directory} has no segment with the offsets {first} to {end - 1}, which were synced: {what}; "
        f"{_GIVE_UP}"
    )


def _shrunk(identity: LogIdentity, found_bytes: int, closed_bytes: int) -> CorruptionError:
    return CorruptionError(
        f"the segments in {identity.directory} have {found_bytes} bytes, {closed_bytes} when this node was stopped: "
        f"files are missing or were cut; {_GIVE_UP}"
    )


def _log(
    disk: Disk, identity: LogIdentity, config: LogConfig, segments: list[Segment], start_offset: int, end_offset: int
) -> PartitionLog:
    return PartitionLog(
        disk,
        identity.directory,
        topic=identity.topic,
        topic_id=identity.topic_id,
        partition=identity.partition,
        config=config,
        segments=segments,
        log_start_offset=start_offset,
        log_end_offset=end_offset,
    )


def _remove_leftovers(disk: Disk, directory: str, names: list[str]) -> list[int]:
    """Base offsets of the segments; files that a crash left half-deleted or without their segment go."""
    bases = [int(name[:20]) for name in names if name.endswith(LOG_SUFFIX) and name[:20].isdigit()]
    known = set(bases)
    for name in names:
        orphan = name.endswith(SEGMENT_SUFFIXES) and name[:20].isdigit() and int(name[:20]) not in known
        if name.endswith(DELETED_SUFFIX) or orphan:
            disk.remove(f"{directory}/{name}")
    return sorted(bases)


def _make_missing_indexes(log: PartitionLog, names: set[str]) -> None:
    """Sealed segments below the recovery point are not looked at, but one without its index would be slow for ever and
    never grow old."""
    for index, segment in enumerate(log.segments[:-1]):
        sealed = log.segments[index + 1].base_offset <= log.recovery_point
        paths = (segment.offset_index.path, segment.time_index.path)
        if sealed and segment.size_bytes and any(path.rpartition("/")[2] not in names for path in paths):
            segment.rebuild_indexes(log.config.index_interval_bytes)


def _verify_tail(log: PartitionLog, verified: VerifiedBatches) -> None:
    """Scan from the recovery point; set the log's end; cut what is not right; rebuild indexes, epochs and producers."""
    recovery_point = log.recovery_point
    log.snapshots.truncate_to_at_most(recovery_point)
    first = log.segment_index(recovery_point)
    later = log.segments[first + 1 :]
    del log.segments[first + 1 :]
    start_offset = max(recovery_point, log.segments[first].base_offset)
    log.log_end_offset = log.written_end_offset = start_offset
    log.leader_epochs.truncate_from_end(start_offset)
    log.producer_states = log.snapshots.restore(log, start_offset)
    log.dirty.segments = {log.active.base_offset: log.active}
    log.dirty.directory = True
    end_offset, whole = _verify_segment(log, log.segments[first], verified, log.segments[first].base_offset)
    removed = False
    for segment in later:
        if removed or not whole or segment.base_offset != end_offset:
            # Behind a torn tail, or left from before a truncation: not part of this log.
            for path in segment.paths:
                log.disk.remove(path)
            removed = True
            continue
        log.segments[-1].seal()
        log.segments.append(segment)
        log.dirty.segments[segment.base_offset] = segment
        end_offset, whole = _verify_segment(log, segment, verified, segment.base_offset)
    if removed:
        # Durable now, as what was cut: it must not come back behind what is appended next.
        log.disk.sync_directory(log.directory)
    log.log_end_offset = log.written_end_offset = end_offset
    # A truncation below the start takes the start along; the checkpoint file may not know of it yet.
    log.log_start_offset = min(log.log_start_offset, end_offset)
    log.leader_epochs.truncate_from_end(end_offset)
    if end_offset > recovery_point or removed or not whole:
        log.mark_dirty()  # else the next checkpoint has nothing to do for it
    log.recovered()


def _verify_segment(
    log: PartitionLog, segment: Segment, verified: VerifiedBatches, next_offset: int
) -> tuple[int, bool]:
    """(end offset of the segment, whether all of the file was right): batches above the recovery point are taken in as
    long as they are right, the rest of the file is cut."""
    file_size = log.disk.size(segment.log_path)
    position, next_offset = _place_of_recovery_point(log, segment, next_offset, file_size)
    segment.forget_from(next_offset, position)
    for at, batch, header in verified_batches(log.disk, segment.log_path, position, file_size):
        if header.base_offset < next_offset:
            break
        if 0 <= header.partition_leader_epoch < log.leader_epochs.latest:
            break  # left from before a truncation: epochs never go back
        verified.add(header)
        # The process before this one may have died of a failed sync, see `Disk.rewrite`.
        log.disk.rewrite(segment.log_path, batch, at)
        segment.index([(header.last_offset, header.size_bytes, header.max_timestamp)], log.config.index_interval_bytes)
        log.recover_batch(batch, header)
        next_offset = header.next_offset
        position = at + header.size_bytes
    if position < file_size:
        logger.warning(
            "%s: cut %d bytes behind offset %d that a crash left half-written", log, file_size - position, next_offset
        )
        log.disk.truncate(segment.log_path, position)
        # Durable now: what was cut must not come back behind what is appended next.
        log.disk.sync(segment.log_path)
    return next_offset, position == file_size


def _place_of_recovery_point(log: PartitionLog, segment: Segment, base_offset: int, file_size: int) -> tuple[int, int]:
    """(position, offset) at which the unverified part of the segment begins. Below it only lengths are looked at: they
    lead there. CorruptionError if they do not."""
    recovery_point = log.recovery_point
    position, next_offset = 0, base_offset
    if recovery_point > base_offset:
        position = segment.trusted_start(recovery_point - 1)
        try:
            for at, header in segment.scan(position, file_size):
                position, next_offset = at + header.size_bytes, header.next_offset
                if next_offset >= recovery_point:
                    break
        except CorruptionError as error:
            raise _lost_below(recovery_point, str(error)) from error
        if next_offset < recovery_point:
            raise _lost_below(recovery_point, f"{segment.log_path} ends at offset {next_offset}")
    return position, next_offset


def _lost_below(recovery_point: int, what: str) -> CorruptionError:
    return CorruptionError(f"{what}, although it was synced up to offset {recovery_point}: {_GIVE_UP}")
