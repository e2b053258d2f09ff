"""How the leader's log becomes everyone's: appends, acknowledgements, heartbeats, commit."""

from __future__ import annotations

from raft import reads, snapshots
from raft.messages import (
    AppendRequest,
    AppendResponse,
    Entry,
    EntryKind,
    Heartbeat,
    HeartbeatResponse,
    TimeoutNow,
)
from raft.progress import Progress, ProgressState
from raft.quorum import committed_index
from raft.ready import Role
from raft.state import RaftState

# --- the leader's side -------------------------------------------------------------------------------------


def append_own(state: RaftState, entry: Entry) -> None:
    """A leader's new entry: into the log, and on its way to everyone."""
    assert state.role is Role.LEADER, "only leaders append of their own accord"
    state.log.append(entry)
    if entry.kind is EntryKind.CONFIGURATION:
        state.configurations.appended([entry])
        state.configuration_changed()
        _follow_configuration(state)
    state.append_due = True


def _follow_configuration(state: RaftState) -> None:
    """Begin with new members, and stop with those who are none any more."""
    members = state.configurations.current.members()
    for node_id in members:
        if node_id not in state.peers:
            progress = state.new_progress(state.log.last_index)
            # A new member is given one election timeout to speak before it counts as silent.
            progress.is_recently_active = True
            state.peers[node_id] = progress
    for node_id in state.peers.keys() - set(members):
        del state.peers[node_id]


def flush_appends(state: RaftState) -> None:
    """Everyone gets what they can take: once per Ready, so that a batch of proposals is one message, and a
    commit that follows on several acknowledgements is told once."""
    state.append_due = False
    committed = state.log.committed
    for node_id, progress in state.peers.items():
        if node_id != state.id:
            even_if_empty = progress.wants_commit(committed)
            while send_append(state, node_id, progress, even_if_empty=even_if_empty):
                even_if_empty = False


def send_append(state: RaftState, node_id: int, progress: Progress, *, even_if_empty: bool) -> bool:
    """The next message this member can take, if any: entries, or a snapshot where they are compacted."""
    if progress.is_paused():
        return False
    log, config = state.log, state.config
    first = progress.next
    previous_term = log.term(first - 1)
    if previous_term is None:
        return snapshots.begin(state, node_id, progress)
    entries: list[Entry] = []
    # A full window may still send empty messages: if all that is under way was lost, they find out.
    if progress.state is not ProgressState.REPLICATE or not progress.inflights.is_full():
        available = log.entries(first, log.last_index + 1, config.append_bytes_max)
        if available is None:
            return snapshots.begin(state, node_id, progress)
        entries = available
    if not entries and not even_if_empty:
        return False
    message = AppendRequest(state.term, state.id, node_id, first - 1, previous_term, log.committed, entries)
    state.early_messages.append(message)
    progress.sent(entries)
    progress.sent_commit = log.committed
    return True


def handle_append_response(state: RaftState, message: AppendResponse) -> None:
    progress = state.peers.get(message.sender)
    if state.role is not Role.LEADER or progress is None:
        return
    progress.is_recently_active = True
    if message.rejected:
        _back_off(state, message, progress)
        return
    is_news = progress.acknowledge(message.index)
    if not is_news and not (progress.match == message.index and progress.state is ProgressState.PROBE):
        return
    if progress.state is ProgressState.PROBE:
        progress.become_replicate()
    elif progress.state is ProgressState.SNAPSHOT:
        if progress.match + 1 < state.log.first_index:
            return
        progress.become_replicate()
    else:
        progress.inflights.free_to(message.index)
        progress.paused = False
    maybe_commit(state)
    state.append_due = True
    if message.sender == state.transfer_target:
        send_timeout_now_if_caught_up(state)


def _back_off(state: RaftState, message: AppendResponse, progress: Progress) -> None:
    """§5.3: the logs differ at `message.index`. Skip as far back as both sides' terms allow."""
    if message.lost_data:
        _start_over(state, message, progress)
        return
    probe = message.hint_index
    if message.hint_term > 0:
        probe, _ = state.log.agreement_hint(message.hint_index, message.hint_term)
    if progress.reject(message.index, probe):
        if progress.state is ProgressState.REPLICATE:
            progress.become_probe()
        send_append(state, message.sender, progress, even_if_empty=True)


def _start_over(state: RaftState, message: AppendResponse, progress: Progress) -> None:
    """Within a term a log only grows: a member that has less than it told of came back with another disk.
    What it acknowledged is gone, so it is not counted any more; what is committed stays committed."""
    if message.hint_index < progress.match:
        progress.match = progress.sent_commit = 0
        progress.become_probe()
        progress.next = message.hint_index + 1
        send_append(state, message.sender, progress, even_if_empty=True)


def maybe_commit(state: RaftState) -> None:
    """§5.3, §5.4.2: what a majority holds, if it is of this term; earlier terms are committed by it."""
    log, peers = state.log, state.peers
    index = committed_index([peers[voter].match for voter in state.voters])
    if index <= log.committed or log.term(index) != state.term:
        return
    log.commit_to(index)
    state.append_due = True
    if state.reads_postponed:
        reads.release_postponed(state)


def own_log_persisted(state: RaftState) -> None:
    """The leader counts itself for what is durable here, and for nothing else."""
    own = state.peers.get(state.id)
    if own is not None and own.acknowledge(state.log.stable_index):
        maybe_commit(state)


def broadcast_heartbeat(state: RaftState) -> None:
    state.heartbeat_elapsed = 0
    for node_id, progress in state.peers.items():
        if node_id != state.id:
            # Never beyond what this member is known to have: it could hold something else there.
            committed = min(progress.match, state.log.committed)
            state.send(Heartbeat(state.term, state.id, node_id, committed, state.read_sequence))


def handle_heartbeat_response(state: RaftState, message: HeartbeatResponse) -> None:
    progress = state.peers.get(message.sender)
    if state.role is not Role.LEADER or progress is None:
        return
    progress.is_recently_active = True
    progress.paused = False
    if message.read_sequence > progress.acknowledged_read_sequence:
        progress.acknowledged_read_sequence = message.read_sequence
        reads.confirm(state)
    if progress.state is ProgressState.SNAPSHOT:
        snapshots.heartbeat_answered(state, message.sender, progress)
    elif progress.match < state.log.last_index or progress.state is ProgressState.PROBE:
        # What was sent and not acknowledged may be lost: the answer to this will tell.
        send_append(state, message.sender, progress, even_if_empty=True)


def send_timeout_now_if_caught_up(state: RaftState) -> None:
    """Thesis §3.10: the target has everything, so it can win; nothing is appended meanwhile."""
    target = state.transfer_target
    if state.peers[target].match == state.log.last_index:
        state.send(TimeoutNow(state.term, state.id, target))


# --- the follower's side -----------------------------------------------------------------------------------


def handle_append_request(state: RaftState, message: AppendRequest) -> None:
    log = state.log
    previous_index, entries = message.previous_index, message.entries
    if previous_index < log.committed:
        # Old news, or a leader that probes below what is settled anyway.
        state.send(AppendResponse(state.term, state.id, message.sender, log.committed))
        return
    if previous_index > log.last_index or log.term(previous_index) != message.previous_term:
        hint_index, hint_term = log.agreement_hint(min(previous_index, log.last_index), message.previous_term)
        state.send(AppendResponse(state.term, state.id, message.sender, previous_index, True, hint_index, hint_term))
        return
    if entries:
        position = log.first_conflict(entries)
        if position < len(entries):
            _append_from_leader(state, entries[position:] if position else entries)
    last_new_index = previous_index + len(entries)
    log.commit_to(min(message.committed, last_new_index))
    state.send(AppendResponse(state.term, state.id, message.sender, last_new_index))


def _append_from_leader(state: RaftState, entries: list[Entry]) -> None:
    truncated = False
    if entries[0].index <= state.log.last_index:
        truncated = state.configurations.truncated(entries[0].index)
    state.log.replace_from(entries)
    if state.configurations.appended(entries) or truncated:
        state.configuration_changed()


def handle_heartbeat(state: RaftState, message: Heartbeat) -> None:
    log = state.log
    if message.committed > log.last_index:
        # The leader knows this node to have had more within this very term: its disk was replaced.
        state.send(
            AppendResponse(state.term, state.id, message.sender, message.committed, True, log.last_index, 0, True)
        )
        return
    log.commit_to(message.committed)
    state.send(HeartbeatResponse(state.term, state.id, message.sender, message.read_sequence))
