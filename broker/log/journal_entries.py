"""What the logs put into the node's journal: one entry per write, and per change that a replay must repeat in order.

Every payload begins with the partition it concerns (big-endian):

     0                16          20
     ┌────────────────┬───────────┬───────────────
     │ topic id       │ partition │ by kind
     └────────────────┴───────────┴───────────────
     APPEND      int32 leader epoch, int64 log end offset before it, then whole batches
     TRUNCATE    int64 offset: the log is to end there; durable before the cut is made
     LOG_START   int64 offset: what lies before it was deleted
     REMOVED     nothing: the partition was deleted
     RESTARTED   int64 offset: everything is to be dropped and the log to go on there; durable before it is done

APPEND says where it belongs because batches may leave gaps (a follower of a compacted log copies them), so the
first batch's base offset alone does not tell a hole from a gap.

The kind is the entry's version: another layout gets another number, and one that is not known here is refused.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from broker.log.disk import Buffer
from wal import CorruptionError

APPEND = 1
TRUNCATE = 2
LOG_START = 3
REMOVED = 4
RESTARTED = 5

KINDS = {
    APPEND: "append",
    TRUNCATE: "truncate",
    LOG_START: "log start",
    REMOVED: "removed",
    RESTARTED: "restarted",
}

_PARTITION = Struct(">16si")
_APPEND = Struct(">16siiq")
_OFFSET = Struct(">16siq")


class LogEntry(NamedTuple):
    """A decoded entry. `offset` is where an APPEND begins, or what the other kinds name; `records` only APPEND has."""

    kind: int
    topic_id: bytes
    partition: int
    leader_epoch: int
    offset: int
    records: memoryview


_NOTHING = memoryview(b"")


def encode_append_header(topic_id: bytes, partition: int, leader_epoch: int, start_offset: int = -1) -> bytes:
    """What precedes the batches in an APPEND. Without `start_offset` it is the first batch's base offset, which is
    right for a leader: its appends leave no gaps."""
    return _APPEND.pack(topic_id, partition, leader_epoch, start_offset)


def encode_truncate(topic_id: bytes, partition: int, offset: int) -> bytes:
    return _OFFSET.pack(topic_id, partition, offset)


def encode_log_start(topic_id: bytes, partition: int, offset: int) -> bytes:
    return _OFFSET.pack(topic_id, partition, offset)


def encode_restarted(topic_id: bytes, partition: int, offset: int) -> bytes:
    return _OFFSET.pack(topic_id, partition, offset)


def encode_removed(topic_id: bytes, partition: int) -> bytes:
    return _PARTITION.pack(topic_id, partition)


def decode(kind: int, payload: Buffer) -> LogEntry:
    """Raises CorruptionError for what is not one of our entries."""
    view = memoryview(payload)
    size = {APPEND: _APPEND.size, REMOVED: _PARTITION.size}.get(kind, _OFFSET.size)
    if kind not in KINDS or len(view) < size:
        raise CorruptionError(
            f"a journal entry of kind {kind} with {len(view)} bytes is none that this version knows: "
            "start the version that wrote it, or a newer one"
        )
    if kind == APPEND:
        topic_id, partition, leader_epoch, offset = _APPEND.unpack_from(view)
        return LogEntry(kind, topic_id, partition, leader_epoch, offset, view[_APPEND.size :])
    if kind == REMOVED:
        topic_id, partition = _PARTITION.unpack_from(view)
        return LogEntry(kind, topic_id, partition, -1, -1, _NOTHING)
    topic_id, partition, offset = _OFFSET.unpack_from(view)
    return LogEntry(kind, topic_id, partition, -1, offset, _NOTHING)
