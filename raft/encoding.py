"""Bytes of messages, entries and configurations: our own format, versioned, big-endian, no pickle.

    message        0: version (u8) = 1      1: kind (u8)         2: term (i64)
                  10: sender (i32)         14: recipient (i32)  18: body, by kind
    entries       count (u32), then for each: term (i64), kind (u8), length (u32), data; indexes are implied,
                  the first is previous_index + 1
    configuration version (u8) = 1, voters (u16), learners (u16), then for each: id (i32), directory id (16)

Whatever is malformed, truncated or has bytes left over raises `MessageError`, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from struct import error as StructError
from typing import Any

from raft.messages import (
    AppendRequest,
    AppendResponse,
    Configuration,
    Entry,
    EntryKind,
    Heartbeat,
    HeartbeatResponse,
    Message,
    ReadIndexRequest,
    ReadIndexResponse,
    SnapshotChunk,
    SnapshotMetadata,
    SnapshotResponse,
    TimeoutNow,
    VoteRequest,
    VoteResponse,
)

VERSION = 1

_HEADER = Struct(">BBqii")
_ENTRY = Struct(">qBI")
_COUNT = Struct(">I")
_CONFIGURATION = Struct(">BHH")
_MEMBER = Struct(">i16s")
_VOTE_REQUEST = Struct(">qqB16s")
_VOTE_RESPONSE = Struct(">B")
_APPEND_REQUEST = Struct(">qqq")
_APPEND_RESPONSE = Struct(">qBqq")
_HEARTBEAT = Struct(">qq")
_HEARTBEAT_RESPONSE = Struct(">q")
_SNAPSHOT = Struct(">qqqQI")  # index, term, size, checksum, length of the configuration
_POSITION = Struct(">q")
_SNAPSHOT_RESPONSE = Struct(">qq")
_READ = Struct(">q")
_READ_RESPONSE = Struct(">qq")

_PRE_VOTE, _TRANSFER, _GRANTED = 1, 2, 4
_REJECTED, _LOST_DATA = 1, 2


class MessageError(ValueError):
    """Bytes that are not a message of this version; the peer is broken or speaks another version."""


def encode_message(message: Message) -> bytes:
    kind, body = _ENCODERS[type(message)]
    header = _HEADER.pack(VERSION, kind, message.term, message.sender, message.recipient)
    return header + body(message)


def decode_message(data: bytes | memoryview) -> Message:
    buffer = bytes(data)
    try:
        version, kind, term, sender, recipient = _HEADER.unpack_from(buffer, 0)
        if version != VERSION:
            raise MessageError(f"message version {version}, this node speaks {VERSION}")
        decoder = _DECODERS.get(kind)
        if decoder is None:
            raise MessageError(f"unknown kind of message {kind}")
        message: Message
        message, position = decoder(term, sender, recipient, buffer, _HEADER.size)
    except StructError as error:
        raise MessageError(f"truncated message of {len(buffer)} bytes") from error
    if position != len(buffer):
        raise MessageError(f"{len(buffer) - position} bytes left over")
    return message


def encode_configuration(configuration: Configuration) -> bytes:
    voters, learners = configuration.voters, configuration.learners
    members = [*voters.items(), *learners.items()]
    return b"".join(
        [_CONFIGURATION.pack(VERSION, len(voters), len(learners)), *(_MEMBER.pack(*each) for each in members)]
    )


def decode_configuration(data: bytes | memoryview) -> Configuration:
    try:
        version, voters, learners = _CONFIGURATION.unpack_from(data, 0)
        if version != VERSION:
            raise MessageError(f"configuration version {version}, this node speaks {VERSION}")
        members = list(_MEMBER.iter_unpack(memoryview(data)[_CONFIGURATION.size :]))
    except StructError as error:
        raise MessageError("truncated configuration") from error
    if len(members) != voters + learners or len(dict(members)) != len(members):
        raise MessageError("a configuration whose members do not add up")
    return Configuration(dict(members[:voters]), dict(members[voters:]))


def encode_snapshot_metadata(metadata: SnapshotMetadata) -> bytes:
    members = encode_configuration(metadata.configuration)
    fixed = (metadata.index, metadata.term, metadata.size_bytes, metadata.checksum, len(members))
    return _SNAPSHOT.pack(*fixed) + members


def decode_snapshot_metadata(data: bytes | memoryview) -> SnapshotMetadata:
    try:
        metadata, position = _read_snapshot_metadata(bytes(data), 0)
    except StructError as error:
        raise MessageError("truncated snapshot metadata") from error
    if position != len(data):
        raise MessageError("bytes left over after snapshot metadata")
    return metadata


def _read_snapshot_metadata(buffer: bytes, position: int) -> tuple[SnapshotMetadata, int]:
    index, term, size_bytes, checksum, length = _SNAPSHOT.unpack_from(buffer, position)
    position += _SNAPSHOT.size
    members = decode_configuration(_slice(buffer, position, length))
    return SnapshotMetadata(index, term, members, size_bytes, checksum), position + length


def _slice(buffer: bytes, position: int, length: int) -> bytes:
    # A slice past the end is silently short; a message must not be.
    if position + length > len(buffer):
        raise MessageError("a length that reaches past the end of the message")
    return buffer[position : position + length]


def _encode_vote_request(m: VoteRequest) -> bytes:
    flags = (_PRE_VOTE if m.pre_vote else 0) | (_TRANSFER if m.transfer else 0)
    return _VOTE_REQUEST.pack(m.last_index, m.last_term, flags, m.recipient_directory)


def _decode_vote_request(term: int, sender: int, to: int, buffer: bytes, at: int) -> tuple[Message, int]:
    last_index, last_term, flags, directory = _VOTE_REQUEST.unpack_from(buffer, at)
    pre_vote, transfer = bool(flags & _PRE_VOTE), bool(flags & _TRANSFER)
    message = VoteRequest(term, sender, to, last_index, last_term, pre_vote, transfer, directory)
    return message, at + _VOTE_REQUEST.size


def _encode_vote_response(m: VoteResponse) -> bytes:
    return _VOTE_RESPONSE.pack((_GRANTED if m.granted else 0) | (_PRE_VOTE if m.pre_vote else 0))


def _decode_vote_response(term: int, sender: int, to: int, buffer: bytes, at: int) -> tuple[Message, int]:
    (flags,) = _VOTE_RESPONSE.unpack_from(buffer, at)
    message = VoteResponse(term, sender, to, bool(flags & _GRANTED), bool(flags & _PRE_VOTE))
    return message, at + _VOTE_RESPONSE.size


def _encode_append_request(m: AppendRequest) -> bytes:
    parts = [
        _APPEND_REQUEST.pack(m.previous_index, m.previous_term, m.committed),
        _COUNT.pack(len(m.entries)),
    ]
    for entry in m.entries:
        parts.append(_ENTRY.pack(entry.term, entry.kind, len(entry.data)))
        parts.append(entry.data)
    return b"".join(parts)


def _decode_append_request(term: int, sender: int, to: int, buffer: bytes, at: int) -> tuple[Message, int]:
    previous_index, previous_term, committed = _APPEND_REQUEST.unpack_from(buffer, at)
    at += _APPEND_REQUEST.size
    (count,) = _COUNT.unpack_from(buffer, at)
    at += _COUNT.size
    entries = []
    for index in range(previous_index + 1, previous_index + 1 + count):
        entry_term, kind, length = _ENTRY.unpack_from(buffer, at)
        at += _ENTRY.size
        if kind > EntryKind.CONFIGURATION:
            raise MessageError(f"unknown kind of entry {kind}")
        entries.append(Entry(entry_term, index, EntryKind(kind), _slice(buffer, at, length)))
        at += length
    return AppendRequest(term, sender, to, previous_index, previous_term, committed, entries), at


def _encode_append_response(m: AppendResponse) -> bytes:
    flags = (_REJECTED if m.rejected else 0) | (_LOST_DATA if m.lost_data else 0)
    return _APPEND_RESPONSE.pack(m.index, flags, m.hint_index, m.hint_term)


def _decode_append_response(term: int, sender: int, to: int, buffer: bytes, at: int) -> tuple[Message, int]:
    index, flags, hint_index, hint_term = _APPEND_RESPONSE.unpack_from(buffer, at)
    rejected, lost_data = bool(flags & _REJECTED), bool(flags & _LOST_DATA)
    message = AppendResponse(term, sender, to, index, rejected, hint_index, hint_term, lost_data)
    return message, at + _APPEND_RESPONSE.size


def _encode_snapshot_chunk(m: SnapshotChunk) -> bytes:
    return b"".join(
        [encode_snapshot_metadata(m.metadata), _POSITION.pack(m.position), _COUNT.pack(len(m.data)), m.data]
    )


def _decode_snapshot_chunk(term: int, sender: int, to: int, buffer: bytes, at: int) -> tuple[Message, int]:
    metadata, at = _read_snapshot_metadata(buffer, at)
    (position,) = _POSITION.unpack_from(buffer, at)
    at += _POSITION.size
    (length,) = _COUNT.unpack_from(buffer, at)
    at += _COUNT.size
    return SnapshotChunk(term, sender, to, metadata, position, _slice(buffer, at, length)), at + length


def _numbers(cls: Any, layout: Struct, *fields: str) -> tuple[Callable[[Any], bytes], Any]:
    """Encoder and decoder of a message whose body is nothing but numbers."""

    def encode(message: Any) -> bytes:
        return layout.pack(*(getattr(message, name) for name in fields))

    def decode(term: int, sender: int, to: int, buffer: bytes, at: int) -> tuple[Message, int]:
        return cls(term, sender, to, *layout.unpack_from(buffer, at)), at + layout.size

    return encode, decode


_KINDS: dict[int, tuple[Any, tuple[Callable[[Any], bytes], Any]]] = {
    1: (VoteRequest, (_encode_vote_request, _decode_vote_request)),
    2: (VoteResponse, (_encode_vote_response, _decode_vote_response)),
    3: (AppendRequest, (_encode_append_request, _decode_append_request)),
    4: (AppendResponse, (_encode_append_response, _decode_append_response)),
    5: (Heartbeat, _numbers(Heartbeat, _HEARTBEAT, "committed", "read_sequence")),
    6: (HeartbeatResponse, _numbers(HeartbeatResponse, _HEARTBEAT_RESPONSE, "read_sequence")),
    7: (SnapshotChunk, (_encode_snapshot_chunk, _decode_snapshot_chunk)),
    8: (SnapshotResponse, _numbers(SnapshotResponse, _SNAPSHOT_RESPONSE, "index", "position")),
    9: (TimeoutNow, _numbers(TimeoutNow, Struct(">"))),
    10: (ReadIndexRequest, _numbers(ReadIndexRequest, _READ, "read_id")),
    11: (ReadIndexResponse, _numbers(ReadIndexResponse, _READ_RESPONSE, "read_id", "index")),
}
_ENCODERS: dict[type, tuple[int, Callable[[Any], bytes]]] = {
    cls: (kind, encode) for kind, (cls, (encode, _)) in _KINDS.items()
}
_DECODERS = {kind: decode for kind, (_, (_, decode)) in _KINDS.items()}
