"""Consensus as a state machine: no I/O, no clock, no chance of its own.

The driver owns time, disk and network, and turns this loop, in this order:

    node.tick()            at a steady pace
    node.step(message)     for every message that arrives
    node.propose(data)     for every wish
    ready = node.ready()   None: nothing to do
        1. send ready.early_messages      (they may go before, while or after step 2 runs)
        2. persist, in this order: hard_state, snapshot_chunks (position 0 begins a new file), snapshot (the
           chunks are whole: verify the checksum, put it in place of the log), entries (they replace whatever
           is stored from the first one's index on); sync once if must_sync
        3. send ready.messages            (never before step 2 is durable)
        4. if snapshot: load it into the state machine; then apply committed_entries, NORMAL ones
        5. answer: settled (OK ones are applied by now), read_states (once applied reaches their index)
    node.advance(ready)    after step 4, in the order of the Readies

A further `ready()` may be taken while earlier ones are still being persisted, if all steps of one come before
the same step of the next. A failure in step 2 ends the node: it must restart from what its disk says.

Compaction: take a snapshot of the state machine at an applied index with `node.configuration_at(index)` inside
(None: a newer one is on its way in, do not), put it in storage unless a received one is newer by then, drop
entries as far as wanted (keep some for members that lag), call `node.compacted()`.
"""

from raft.config import RaftConfig
from raft.encoding import (
    MessageError,
    decode_configuration,
    decode_message,
    decode_snapshot_metadata,
    encode_configuration,
    encode_message,
    encode_snapshot_metadata,
)
from raft.membership import Change, ChangeKind, ConfigurationError, apply_changes
from raft.messages import (
    NO_DIRECTORY,
    NO_NODE,
    Configuration,
    Entry,
    EntryKind,
    Message,
    SnapshotChunk,
    SnapshotMetadata,
)
from raft.node import RaftNode
from raft.ready import (
    HardState,
    Outcome,
    ReadState,
    Ready,
    Refusal,
    Refused,
    Role,
    Settled,
    SoftState,
)
from raft.status import PeerStatus, Status
from raft.storage import MemoryStorage, Storage

__all__ = [
    "NO_DIRECTORY",
    "NO_NODE",
    "Change",
    "ChangeKind",
    "Configuration",
    "ConfigurationError",
    "Entry",
    "EntryKind",
    "HardState",
    "MemoryStorage",
    "Message",
    "MessageError",
    "Outcome",
    "PeerStatus",
    "RaftConfig",
    "RaftNode",
    "ReadState",
    "Ready",
    "Refusal",
    "Refused",
    "Role",
    "Settled",
    "SnapshotChunk",
    "SnapshotMetadata",
    "SoftState",
    "Status",
    "Storage",
    "apply_changes",
    "decode_configuration",
    "decode_message",
    "decode_snapshot_metadata",
    "encode_configuration",
    "encode_message",
    "encode_snapshot_metadata",
]
