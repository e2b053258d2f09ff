"""Bytes of messages: every message comes back as it went, and no bytes do anything but raise MessageError."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raft import (
    Configuration,
    Entry,
    EntryKind,
    Message,
    MessageError,
    SnapshotMetadata,
    decode_configuration,
    decode_message,
    decode_snapshot_metadata,
    encode_configuration,
    encode_message,
    encode_snapshot_metadata,
)
from raft import messages as m

u63 = st.integers(0, 2**63 - 1)
node_ids = st.integers(0, 2**31 - 1)
directories = st.binary(min_size=16, max_size=16)


@st.composite
def configurations(draw: st.DrawFn) -> Configuration:
    members = draw(st.dictionaries(node_ids, directories, max_size=6))
    split = draw(st.integers(0, len(members)))
    items = list(members.items())
    return Configuration(dict(items[:split]), dict(items[split:]))


snapshots = st.builds(SnapshotMetadata, u63, u63, configurations(), u63, st.integers(0, 2**64 - 1))


@st.composite
def append_requests(draw: st.DrawFn) -> m.AppendRequest:
    previous = draw(st.integers(0, 2**62))
    contents = draw(st.lists(st.tuples(u63, st.sampled_from(EntryKind), st.binary(max_size=20)), max_size=4))
    held = [Entry(term, index, kind, data) for index, (term, kind, data) in enumerate(contents, previous + 1)]
    return m.AppendRequest(*draw(heads), previous, draw(u63), draw(u63), held)


heads = st.tuples(u63, node_ids, node_ids)
messages: st.SearchStrategy[Message] = st.one_of(
    st.builds(m.VoteRequest, u63, node_ids, node_ids, u63, u63, st.booleans(), st.booleans(), directories),
    st.builds(m.VoteResponse, u63, node_ids, node_ids, st.booleans(), st.booleans()),
    append_requests(),
    st.builds(m.AppendResponse, u63, node_ids, node_ids, u63, st.booleans(), u63, u63, st.booleans()),
    st.builds(m.Heartbeat, u63, node_ids, node_ids, u63, u63),
    st.builds(m.HeartbeatResponse, u63, node_ids, node_ids, u63),
    st.builds(m.SnapshotChunk, u63, node_ids, node_ids, snapshots, u63, st.binary(max_size=30)),
    st.builds(m.SnapshotResponse, u63, node_ids, node_ids, u63, u63),
    st.builds(m.TimeoutNow, u63, node_ids, node_ids),
    st.builds(m.ReadIndexRequest, u63, node_ids, node_ids, u63),
    st.builds(m.ReadIndexResponse, u63, node_ids, node_ids, u63, st.integers(-1, 2**62)),
)


@given(messages)
def test_every_message_comes_back_as_it_went(message: Message) -> None:
    assert decode_message(encode_message(message)) == message


@given(messages, st.data())
def test_a_truncated_message_is_an_error(message: Message, data: st.DataObject) -> None:
    encoded = encode_message(message)
    with pytest.raises(MessageError):
        decode_message(encoded[: data.draw(st.integers(0, len(encoded) - 1))])


@given(messages, st.data())
def test_a_corrupted_message_is_an_error_or_another_message(message: Message, data: st.DataObject) -> None:
    encoded = bytearray(encode_message(message))
    encoded[data.draw(st.integers(0, len(encoded) - 1))] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(MessageError):
        decode_message(bytes(encoded))


@given(st.binary(max_size=200))
def test_garbage_is_an_error_or_a_message(garbage: bytes) -> None:
    with contextlib.suppress(MessageError):
        decode_message(garbage)


def test_bytes_left_over_are_an_error() -> None:
    with pytest.raises(MessageError, match="1 bytes left over"):
        decode_message(encode_message(m.TimeoutNow(1, 2, 3)) + b"x")


def test_another_version_is_refused_by_name() -> None:
    encoded = bytearray(encode_message(m.TimeoutNow(1, 2, 3)))
    encoded[0] = 2
    with pytest.raises(MessageError, match="version 2, this node speaks 1"):
        decode_message(bytes(encoded))


def test_a_kind_that_does_not_exist_is_refused() -> None:
    encoded = bytearray(encode_message(m.TimeoutNow(1, 2, 3)))
    encoded[1] = 99
    with pytest.raises(MessageError, match="unknown kind of message 99"):
        decode_message(bytes(encoded))


def test_the_header_is_as_its_ruler_says() -> None:
    assert encode_message(m.TimeoutNow(term=1, sender=2, recipient=3)).hex() == ("010900000000000000010000000200000003")


@given(configurations())
def test_configurations_come_back_as_they_went(configuration: Configuration) -> None:
    assert decode_configuration(encode_configuration(configuration)) == configuration


@given(snapshots)
def test_snapshot_metadata_comes_back_as_it_went(metadata: SnapshotMetadata) -> None:
    assert decode_snapshot_metadata(encode_snapshot_metadata(metadata)) == metadata


def test_a_configuration_that_names_a_member_twice_is_refused() -> None:
    encoded = encode_configuration(Configuration.of(1, 2))
    assert encoded[-20:-16] == b"\0\0\0\2"
    with pytest.raises(MessageError, match="do not add up"):
        decode_configuration(encoded[:-20] + b"\0\0\0\1" + bytes(16))
