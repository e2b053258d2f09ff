"""Formats that carry their own version: the consumer protocol, and the records of internal topics."""

from __future__ import annotations

import pytest
from codec_oracles.generated import Generator

from protocol import ProtocolError
from protocol.messages import group_records, transaction_records
from protocol.messages.consumer_protocol import (
    ConsumerProtocolAssignment,
    ConsumerProtocolSubscription,
    TopicPartition,
    decode_embedded,
    encode_embedded,
)
from protocol.messages.control_records import ControlRecordTypeSchema, EndTxnMarker
from protocol.messages.group_records import GroupMetadataKey, OffsetCommitKey, OffsetCommitValue
from protocol.messages.transaction_records import TransactionLogKey, TransactionLogValue
from protocol.schema import Message
from protocol.versioned import decode_versioned, encode_versioned


def test_a_subscription_has_its_version_in_front() -> None:
    subscription = ConsumerProtocolSubscription(topics=["t"])
    assert encode_embedded(subscription, 0) == b"\0\0\0\0\0\1\0\1t\xff\xff\xff\xff"
    for version in range(4):
        assert decode_embedded(ConsumerProtocolSubscription, encode_embedded(subscription, version)) == subscription


def test_an_assignment_is_read_whatever_its_version() -> None:
    assignment = ConsumerProtocolAssignment(assigned_partitions=[TopicPartition(topic="t", partitions=[0, 2])])
    assert decode_embedded(ConsumerProtocolAssignment, encode_embedded(assignment, 1)) == assignment


def test_a_subscription_of_a_newer_version_is_read_as_our_newest() -> None:
    subscription = ConsumerProtocolSubscription(topics=["t"], generation_id=4, rack_id="r")
    newer = b"\0\x09" + encode_embedded(subscription, 3)[2:] + b"fields of version 9"
    assert decode_embedded(ConsumerProtocolSubscription, newer) == subscription


@pytest.mark.parametrize("data", [b"", b"\0", b"\xff\xff\0\0\0\0", b"\0\1\0\0\0\1", b"\0\0\0\0\0\1\0\1"])
def test_a_malformed_subscription_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode_embedded(ConsumerProtocolSubscription, data)


def test_a_committed_offset_in_the_bytes_of_kafka() -> None:
    key = OffsetCommitKey(group="g", topic="t", partition=3)
    value = OffsetCommitValue(offset=5, leader_epoch=2, metadata="m", commit_timestamp=7)
    assert group_records.encode_key(key) == b"\0\1\0\1g\0\1t\0\0\0\3"
    assert group_records.encode_value(value, 3) == (
        b"\0\3" + b"\0\0\0\0\0\0\0\5" + b"\0\0\0\2" + b"\0\1m" + b"\0\0\0\0\0\0\0\7"
    )
    assert group_records.decode_key(group_records.encode_key(key)) == key
    assert group_records.decode_value(OffsetCommitValue, group_records.encode_value(value, 3)) == value


@pytest.mark.parametrize(("record_type", "cls"), group_records.KEY_TYPES.items())
def test_every_key_of_consumer_offsets_begins_with_its_type(record_type: int, cls: type[Message]) -> None:
    key = Generator(record_type).message(cls, 0)
    encoded = group_records.encode_key(key)
    assert encoded[:2] == bytes([0, record_type])
    assert group_records.decode_key(encoded) == key


def test_a_key_of_an_unknown_type_is_told_apart_from_a_malformed_one() -> None:
    assert group_records.decode_key(b"\0\x63whatever") is None
    assert transaction_records.decode_key(b"\0\1whatever") is None
    with pytest.raises(ProtocolError):
        group_records.decode_key(b"\0")
    with pytest.raises(ProtocolError):
        group_records.decode_key(group_records.encode_key(GroupMetadataKey(group="g")) + b"more")


def test_a_value_of_an_unknown_version_is_refused() -> None:
    with pytest.raises(ProtocolError, match="OffsetCommitValue has no version 5"):
        group_records.decode_value(OffsetCommitValue, b"\0\5" + bytes(40))


def test_the_transaction_log_in_the_bytes_of_kafka() -> None:
    key = TransactionLogKey(transactional_id="tx")
    assert transaction_records.encode_key(key) == b"\0\0\0\2tx"
    assert transaction_records.decode_key(b"\0\0\0\2tx") == key
    value = TransactionLogValue(producer_id=1, transaction_partitions=None, client_transaction_version=2)
    encoded = transaction_records.encode_value(value, 1)
    assert encoded[:2] == b"\0\1" and encoded.endswith(b"\1\2\2\0\2")
    assert transaction_records.decode_value(encoded) == value


def test_control_records_in_the_bytes_of_kafka() -> None:
    assert encode_versioned(ControlRecordTypeSchema(type=1), 0) == b"\0\0\0\1"
    assert encode_versioned(EndTxnMarker(coordinator_epoch=9), 0) == b"\0\0\0\0\0\x09"
    assert decode_versioned(EndTxnMarker, b"\0\0\0\0\0\x09").coordinator_epoch == 9
