"""Raft's log, term and vote on a journal, and its snapshot beside it: what `raft.Storage` reads and the driver writes.

Entries of the journal, by kind; integers are big-endian:

    2 ENTRY       term (i64), index (i64), kind (u8), data: takes the place of every entry from its index on
    3 HARD_STATE  term (i64), voted_for (i32), committed (i64, a hint): takes the place of the one before
    4 RESTORED    index (i64), term (i64): a snapshot of another node was put in place of everything before

What is kept in memory is exactly what is durable: `stage` (loop thread) hands a Ready to the journal, `commit` (worker)
makes it durable, and `written` (loop thread) shows it to the node. Entries since the snapshot before the last stay in
memory; they are a few MiB at most (see `driver.SNAPSHOT_INTERVAL_BYTES`).
"""

from __future__ import annotations

import struct

from broker.quorum.quorum import QuorumSettings
from broker.quorum.snapshots import Snapshot, SnapshotFile, check
from raft import Configuration, Entry, EntryKind, HardState, Ready, SnapshotChunk, SnapshotMetadata
from raft.storage import limit_bytes
from wal import Buffer, CorruptionError, Filesystem, Journal, JournalLimits

ENTRY, HARD_STATE, RESTORED = 2, 3, 4

_ENTRY = struct.Struct(">qqB")
_HARD_STATE = struct.Struct(">qiq")
_RESTORED = struct.Struct(">qq")


def unpack_entry(payload: Buffer) -> Entry:
    term, index, kind = _ENTRY.unpack_from(payload)
    return Entry(term, index, EntryKind(kind), bytes(payload[_ENTRY.size :]))


def unpack_hard_state(payload: Buffer) -> HardState:
    return HardState(*_HARD_STATE.unpack_from(payload))


def unpack_restored(payload: Buffer) -> tuple[int, int]:
    """Index and term."""
    index, term = _RESTORED.unpack_from(payload)
    return index, term


def open_log(filesystem: Filesystem, directory: str, settings: QuorumSettings) -> LogStorage:
    """Raises StorageError, as LogStorage."""
    return LogStorage(
        filesystem,
        directory,
        bootstrap=settings.bootstrap,
        limits=settings.limits,
        must_exist=settings.log_must_exist,
    )


class LogStorage:
    """Implements `raft.Storage`. `bootstrap` is the configuration of a log that holds nothing yet."""

    def __init__(
        self,
        filesystem: Filesystem,
        directory: str,
        *,
        bootstrap: Configuration,
        limits: JournalLimits,
        must_exist: bool = False,
    ):
        """Raises StorageError, CorruptionError where files are missing or damaged, or all are that must exist."""
        self._directory = directory
        self._bootstrap = bootstrap
        self._snapshot_file = SnapshotFile(filesystem, directory)
        self._hard_state = HardState()
        self._entries: list[Entry] = []
        # The journal's sequence of each entry, to know how much of it can go.
        self._sequences: list[int] = []
        # Everything up to here is gone from `_entries`; its term is kept for the consistency check.
        self._compacted_index = 0
        # None where the log was trimmed in an earlier life.
        self._compacted_term: int | None = 0
        self._chunks: list[bytes] = []
        self._staged_sequences: list[list[int]] = []
        self._snapshot = self._snapshot_file.read()
        # Of the worker: which snapshot the file holds.
        self._file_index = self.snapshot().index
        self._journal = Journal.open(filesystem, directory, limits)
        # Nothing is remembered of an earlier life: no vote, no entry.
        self.began_empty = self._journal.durable_sequence == 0 and self._snapshot is None
        try:
            if self.began_empty and must_exist:
                raise CorruptionError(
                    f"the metadata log in {directory} is gone, and with it this node's votes: restore it, or empty the "
                    "whole data directory, so that the node joins as one with a new disk and is filled by the others"
                )
            if self.began_empty:
                # So that a journal that is there can be told from one that was lost.
                self._stage_hard_state(self._hard_state)
                self._journal.commit()
            self._load()
        except BaseException:
            self._journal.close()
            raise

    # --- opening -------------------------------------------------------------------------------------------------

    def _load(self) -> None:
        first = True
        for journalled in self._journal.replay():
            payload = journalled.payload
            if journalled.kind == ENTRY:
                entry = unpack_entry(payload)
                if first or entry.index <= self._compacted_index:
                    # The oldest segments are gone, and what is left may begin with what a later entry replaced.
                    self._forget_entries(entry.index - 1, 0 if entry.index == 1 else None)
                first = False
                self._place([entry], [journalled.sequence])
            elif journalled.kind == HARD_STATE:
                self._hard_state = unpack_hard_state(payload)
            elif journalled.kind == RESTORED:
                self._forget_entries(*unpack_restored(payload))
                first = False
            else:
                raise CorruptionError(
                    f"{self._directory}: entry {journalled.sequence} has kind {journalled.kind}, which this version "
                    "does not know: start the version that wrote it, or a newer one"
                )
        self._join_snapshot()

    def _join_snapshot(self) -> None:
        """Entries and snapshot were written one after the other: see how far each got."""
        if self._snapshot is None:
            if self._compacted_index > 0:
                raise CorruptionError(f"{self._directory}/snapshot is missing: restore it from a copy")
            return
        metadata = self._snapshot.metadata
        if self._journal.durable_sequence == 0:
            raise CorruptionError(
                f"{self._directory}: there is a snapshot of entry {metadata.index} and no journal: "
                "its files are missing, restore them"
            )
        if self._hard_state.term < metadata.term:
            # A crash between a received snapshot and the term that its leader brought. No vote of that term is
            # forgotten: it would have been written before it was given.
            self._hard_state = HardState(metadata.term)
        if metadata.index < self._compacted_index:
            raise CorruptionError(
                f"{self._directory}: the log begins behind entry {self._compacted_index}, but the snapshot ends at "
                f"{metadata.index}: files are missing, restore them"
            )
        place = metadata.index - self._compacted_index - 1
        is_held = 0 <= place < len(self._entries) and self._entries[place].term == metadata.term
        if metadata.index == self._compacted_index:
            self._compacted_term = metadata.term
        elif not is_held:
            # A crash between a received snapshot and the log that gives way to it: now it does.
            self._forget_entries(metadata.index, metadata.term)
            self._journal.enqueue(RESTORED, [_RESTORED.pack(metadata.index, metadata.term)])
            self._journal.commit()

    # --- reading: raft.Storage -----------------------------------------------------------------------------------

    def hard_state(self) -> HardState:
        return self._hard_state

    def snapshot(self) -> SnapshotMetadata:
        if self._snapshot is None:
            return SnapshotMetadata(configuration=self._bootstrap)
        return self._snapshot.metadata

    def first_index(self) -> int:
        return self._compacted_index + 1

    def last_index(self) -> int:
        return self._compacted_index + len(self._entries)

    def term(self, index: int) -> int | None:
        place = index - self._compacted_index - 1
        if 0 <= place < len(self._entries):
            return self._entries[place].term
        if self._snapshot is not None and index == self._snapshot.metadata.index:
            return self._snapshot.metadata.term
        return self._compacted_term if place == -1 else None

    def entries(self, first: int, end: int, bytes_max: int) -> list[Entry]:
        low = first - self._compacted_index - 1
        if low < 0:
            return []
        return limit_bytes(self._entries[low : end - self._compacted_index - 1], bytes_max)

    def snapshot_chunk(self, metadata: SnapshotMetadata, position: int, bytes_max: int) -> bytes | None:
        if self._snapshot is None or metadata != self._snapshot.metadata:
            return None
        return self._snapshot.content[position : position + bytes_max]

    @property
    def newest(self) -> Snapshot | None:
        """The newest snapshot with its content, None before there is one."""
        return self._snapshot

    # --- writing -------------------------------------------------------------------------------------------------

    def stage(self, ready: Ready) -> Snapshot | None:
        """Loop thread, in the order of the Readies: queue what this one has for the disk. Returns the snapshot that
        `write_snapshot` must write before the next `commit`, if it brings one."""
        snapshot = self._received(ready.snapshot_chunks, ready.snapshot)
        hard_state = ready.hard_state
        if hard_state is not None and ready.must_sync:
            self._stage_hard_state(hard_state)
        if snapshot is not None:
            metadata = snapshot.metadata
            self._journal.enqueue(RESTORED, [_RESTORED.pack(metadata.index, metadata.term)])
        enqueue = self._journal.enqueue
        self._staged_sequences.append(
            [enqueue(ENTRY, [_ENTRY.pack(e.term, e.index, e.kind), e.data]) for e in ready.entries]
        )
        return snapshot

    def _stage_hard_state(self, hard_state: HardState) -> None:
        payload = _HARD_STATE.pack(hard_state.term, hard_state.voted_for, hard_state.committed)
        self._journal.enqueue(HARD_STATE, [payload])

    def _received(self, chunks: list[SnapshotChunk], metadata: SnapshotMetadata | None) -> Snapshot | None:
        for chunk in chunks:
            if chunk.position == 0:
                self._chunks.clear()
            self._chunks.append(chunk.data)
        if metadata is None:
            return None
        content = b"".join(self._chunks)
        self._chunks.clear()
        check(metadata, content, "received from the leader")
        return Snapshot(metadata, content)

    def commit(self) -> None:
        """Worker thread: make everything staged durable. Raises StorageError."""
        last = self._journal.next_sequence - 1
        while self._journal.commit() < last:
            pass

    def write_snapshot(self, snapshot: Snapshot) -> None:
        """Worker thread. Snapshots only move forward: an own one that a received one overtook is not written."""
        if snapshot.metadata.index > self._file_index:
            self._snapshot_file.write(snapshot)
            self._file_index = snapshot.metadata.index

    def written(self, ready: Ready, snapshot: Snapshot | None) -> None:
        """Loop thread, in the order of the Readies: this one is durable."""
        sequences = self._staged_sequences.pop(0)
        if ready.hard_state is not None:
            self._hard_state = ready.hard_state
        if snapshot is not None:
            self._snapshot = snapshot
            self._forget_entries(snapshot.metadata.index, snapshot.metadata.term)
        if ready.entries:
            self._place(ready.entries, sequences)

    def install_own(self, snapshot: Snapshot) -> int:
        """Loop thread: the driver's own snapshot is on the disk. What the one before it covers is dropped, so that a
        member a little behind is still sent entries. Returns the journal's sequence below which nothing is needed."""
        previous = self.snapshot().index
        if snapshot.metadata.index > previous:
            self._snapshot = snapshot
        self._compact(previous)
        # The oldest segments may hold the newest term and vote.
        self._stage_hard_state(self._hard_state)
        return self._sequences[0] if self._sequences else self._journal.next_sequence

    def commit_and_trim(self, below_sequence: int) -> None:
        """Worker thread. Raises StorageError."""
        self.commit()
        self._journal.trim(below_sequence)

    def close(self) -> None:
        self._journal.close()

    # --- what is held --------------------------------------------------------------------------------------------

    def _place(self, entries: list[Entry], sequences: list[int]) -> None:
        place = entries[0].index - self._compacted_index - 1
        if not 0 <= place <= len(self._entries):
            raise CorruptionError(
                f"{self._directory}: entry {entries[0].index} does not follow on {self.last_index()}: "
                "files are missing, restore them"
            )
        self._entries[place:] = entries
        self._sequences[place:] = sequences

    def _forget_entries(self, index: int, term: int | None) -> None:
        self._entries, self._sequences = [], []
        self._compacted_index, self._compacted_term = index, term

    def _compact(self, index: int) -> None:
        if index <= self._compacted_index:
            return
        term = self.term(index)
        assert term is not None, "compaction of what is not held"
        del self._entries[: index - self._compacted_index]
        del self._sequences[: index - self._compacted_index]
        self._compacted_index, self._compacted_term = index, term
