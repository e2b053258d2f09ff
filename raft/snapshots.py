"""Bringing a member up to date that needs entries which were compacted: a snapshot, chunk by chunk.

One chunk is under way at a time; its answer names the position to go on from, so that a lost chunk, a broken
connection or another leader with the same snapshot costs one chunk and not the whole. The configuration is
inside the metadata. A transfer that a restart interrupts begins anew.
"""

from __future__ import annotations

from raft.messages import AppendResponse, SnapshotChunk, SnapshotMetadata, SnapshotResponse
from raft.progress import Progress
from raft.ready import Role
from raft.state import RaftState


def begin(state: RaftState, node_id: int, progress: Progress) -> bool:
    """Start sending the newest snapshot to a member that is known to be alive."""
    if not progress.is_recently_active:
        return False
    snapshot = state.storage.snapshot()
    if snapshot.index == 0 or state.log.pending_snapshot is not None:
        return False
    progress.become_snapshot(snapshot)
    _send_chunk(state, node_id, progress)
    return True


def _send_chunk(state: RaftState, node_id: int, progress: Progress) -> None:
    snapshot = progress.snapshot
    assert snapshot is not None, "chunks belong to a snapshot"
    position = progress.snapshot_position
    data = state.storage.snapshot_chunk(snapshot, position, state.config.snapshot_chunk_bytes)
    if data is None:
        # A newer snapshot took its place: begin again with that one.
        snapshot = state.storage.snapshot()
        progress.become_snapshot(snapshot)
        position = 0
        data = state.storage.snapshot_chunk(snapshot, 0, state.config.snapshot_chunk_bytes)
        if data is None:
            return  # not readable just now: the next heartbeat's answer tries again
    state.send(SnapshotChunk(state.term, state.id, node_id, snapshot, position, data))
    progress.chunk_repeats_due = False


def handle_response(state: RaftState, message: SnapshotResponse) -> None:
    progress = state.peers.get(message.sender)
    if state.role is not Role.LEADER or progress is None:
        return
    progress.is_recently_active = True
    snapshot = progress.snapshot
    if snapshot is None or snapshot.index != message.index or message.position >= snapshot.size_bytes:
        return
    if message.position == progress.snapshot_position:
        return
    if message.position < progress.snapshot_position and not progress.chunk_was_repeated:
        # A late answer. Obeying it would start a second stream of chunks beside the first; a member that
        # really has less (it restarted) says so again when the chunk is repeated.
        return
    progress.chunk_was_repeated = False
    progress.snapshot_position = message.position
    _send_chunk(state, message.sender, progress)


def heartbeat_answered(state: RaftState, node_id: int, progress: Progress) -> None:
    """The member lives. If the chunk under way has outlived a whole heartbeat, it or its answer was lost."""
    if progress.chunk_repeats_due:
        progress.chunk_was_repeated = True
        _send_chunk(state, node_id, progress)
    else:
        progress.chunk_repeats_due = True


def handle_chunk(state: RaftState, message: SnapshotChunk) -> None:
    log, metadata = state.log, message.metadata
    if metadata.index <= log.committed:
        state.send(AppendResponse(state.term, state.id, message.sender, log.committed))
        return
    if log.term(metadata.index) == metadata.term:
        # The log reaches that far and agrees (§5.3): the entries are here, only their commit was not known.
        _abandon_incoming(state)
        log.commit_to(metadata.index)
        state.send(AppendResponse(state.term, state.id, message.sender, log.committed))
        return
    if metadata != state.incoming_snapshot:
        state.incoming_snapshot, state.incoming_position = metadata, 0
        state.incoming_chunks.clear()
    if message.position == state.incoming_position:
        state.incoming_chunks.append(message)
        state.incoming_position += len(message.data)
    if state.incoming_position < metadata.size_bytes:
        state.send(SnapshotResponse(state.term, state.id, message.sender, metadata.index, state.incoming_position))
        return
    _install(state, metadata)
    state.send(AppendResponse(state.term, state.id, message.sender, metadata.index))


def _install(state: RaftState, metadata: SnapshotMetadata) -> None:
    """The whole log gives way: nothing behind the snapshot was verified against the leader's."""
    state.log.restore(metadata)
    state.configurations.restore(metadata)
    state.configuration_changed()
    state.proposals.skipped_to(metadata.index)
    state.incoming_snapshot, state.incoming_position = None, 0


def _abandon_incoming(state: RaftState) -> None:
    state.incoming_snapshot, state.incoming_position = None, 0
    state.incoming_chunks.clear()
