"""Linear reads without writing: ReadIndex (thesis §6.4).

The leader notes its committed index, then proves with a round of heartbeats that it still led when it did so.
Reads asked for between two Readies share a round. There are no lease reads: they would trust the clocks.

    unsent ──begin_round──► unconfirmed ──a majority answered──► settled with an index
    postponed: nothing of this term is committed yet, so the leader does not know what is
    forwarded: a follower waits for the leader's answer, at most two election timeouts
"""

from __future__ import annotations

from raft.messages import NO_NODE, ReadIndexRequest, ReadIndexResponse
from raft.quorum import committed_index
from raft.ready import ReadState, Refusal, Refused, Role
from raft.state import RaftState


def request(state: RaftState) -> int:
    """A read by this node's own driver; refused where nobody can be asked."""
    if state.leader == NO_NODE:
        raise Refused(Refusal.NOT_LEADER, NO_NODE)
    if _pending(state) >= state.config.reads_pending_max:
        raise Refused(Refusal.BUSY, state.leader)
    read_id = state.next_read_id
    state.next_read_id += 1
    if state.role is Role.LEADER:
        _queue(state, state.id, read_id)
    else:
        state.reads_forwarded[read_id] = state.ticks + 2 * state.config.election_ticks
        state.send(ReadIndexRequest(state.term, state.id, state.leader, read_id))
    return read_id


def _pending(state: RaftState) -> int:
    return (
        len(state.reads_unsent) + len(state.reads_postponed) + len(state.reads_unconfirmed) + len(state.reads_forwarded)
    )


def _queue(state: RaftState, requester: int, read_id: int) -> None:
    waiting = state.reads_unsent if state.has_committed_in_term() else state.reads_postponed
    waiting.append((requester, read_id))


def handle_request(state: RaftState, message: ReadIndexRequest) -> None:
    if state.role is Role.LEADER and _pending(state) < state.config.reads_pending_max:
        _queue(state, message.sender, message.read_id)
    else:
        state.send(ReadIndexResponse(state.term, state.id, message.sender, message.read_id, -1))


def handle_response(state: RaftState, message: ReadIndexResponse) -> None:
    if state.reads_forwarded.pop(message.read_id, None) is not None:
        index = message.index if message.index >= 0 else None
        state.read_states.append(ReadState(message.read_id, index))


def release_postponed(state: RaftState) -> None:
    """The leader has committed in its own term."""
    state.reads_unsent.extend(state.reads_postponed)
    state.reads_postponed.clear()


def begin_round(state: RaftState) -> bool:
    """Gather what was asked for; True if a round of heartbeats must go out for it."""
    if not state.reads_unsent:
        return False
    state.read_sequence += 1
    for requester, read_id in state.reads_unsent:
        state.reads_unconfirmed.append((state.read_sequence, requester, read_id, state.log.committed))
    state.reads_unsent.clear()
    confirm(state)
    return bool(state.reads_unconfirmed)


def confirm(state: RaftState) -> None:
    """Settle every read whose round a majority has answered."""
    if not state.reads_unconfirmed:
        return
    sequence = committed_index(
        [
            state.read_sequence if voter == state.id else state.peers[voter].acknowledged_read_sequence
            for voter in state.voters
        ]
    )
    confirmed = [read for read in state.reads_unconfirmed if read[0] <= sequence]
    del state.reads_unconfirmed[: len(confirmed)]
    for _, requester, read_id, index in confirmed:
        if requester == state.id:
            state.read_states.append(ReadState(read_id, index))
        else:
            state.send(ReadIndexResponse(state.term, state.id, requester, read_id, index))


def stop_leading(state: RaftState) -> None:
    """Reads of this node fail; followers see the leader change, or their deadline."""
    own = [read_id for requester, read_id in state.reads_unsent + state.reads_postponed if requester == state.id]
    own += [read_id for _, requester, read_id, _ in state.reads_unconfirmed if requester == state.id]
    state.read_states.extend(ReadState(read_id, None) for read_id in own)
    state.reads_unsent.clear()
    state.reads_postponed.clear()
    state.reads_unconfirmed.clear()


def leader_changed(state: RaftState) -> None:
    state.read_states.extend(ReadState(read_id, None) for read_id in state.reads_forwarded)
    state.reads_forwarded.clear()


def expire(state: RaftState) -> None:
    """A request or its answer was lost."""
    if not state.reads_forwarded:
        return
    expired = [read_id for read_id, deadline in state.reads_forwarded.items() if state.ticks >= deadline]
    for read_id in expired:
        del state.reads_forwarded[read_id]
        state.read_states.append(ReadState(read_id, None))
