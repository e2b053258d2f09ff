"""The records of `__consumer_offsets`: bytes written by hand from Kafka's schemas."""

from __future__ import annotations

import pytest

from broker.groups.group import Group, GroupState
from broker.groups.member import Member
from broker.groups.records import (
    GroupRecord,
    OffsetRecord,
    decode_record,
    empty_generation,
    encode_record,
    generation,
    new_group,
)
from protocol.errors import ProtocolError
from protocol.messages.group_records import GroupMetadataValue, MemberMetadata, OffsetCommitValue

TOPIC_ID = bytes(range(16))

OFFSET_KEY = b"\x00\x01" + b"\x00\x01g" + b"\x00\x01t" + b"\x00\x00\x00\x07"
OFFSET_V3 = (
    b"\x00\x03"
    + (300).to_bytes(8, "big")  # offset
    + (4).to_bytes(4, "big")  # leader epoch
    + b"\x00\x02hi"  # metadata
    + (1000).to_bytes(8, "big")  # commit timestamp
)
OFFSET_V1 = (
    b"\x00\x01"
    + (300).to_bytes(8, "big")
    + b"\x00\x02hi"
    + (1000).to_bytes(8, "big")
    + (5000).to_bytes(8, "big")  # expire timestamp
)
OFFSET_V4 = (
    b"\x00\x04"
    + (300).to_bytes(8, "big")
    + (4).to_bytes(4, "big")
    + b"\x03hi"
    + (1000).to_bytes(8, "big")
    + b"\x01\x00\x10"  # one tagged field: tag 0, 16 bytes
    + TOPIC_ID
)
GROUP_KEY = b"\x00\x02" + b"\x00\x01g"
GROUP_V3 = (
    b"\x00\x03"
    + b"\x00\x08consumer"
    + (2).to_bytes(4, "big")  # generation
    + b"\x00\x05range"
    + b"\x00\x01m"  # leader
    + (1000).to_bytes(8, "big")  # current state timestamp
    + (1).to_bytes(4, "big")  # members
    + b"\x00\x01m"
    + b"\xff\xff"  # no instance id
    + b"\x00\x01c"
    + b"\x00\x02/h"
    + (60_000).to_bytes(4, "big")  # rebalance timeout
    + (10_000).to_bytes(4, "big")  # session timeout
    + b"\x00\x00\x00\x03sub"
    + b"\x00\x00\x00\x03asg"
)


def offset_record(**fields: object) -> OffsetRecord:
    value = OffsetCommitValue(offset=300, metadata="hi", commit_timestamp=1000, **fields)  # type: ignore[arg-type]
    return OffsetRecord("g", "t", 7, value)


@pytest.mark.parametrize(
    ("record", "value"),
    [
        (offset_record(leader_epoch=4), OFFSET_V3),
        (offset_record(leader_epoch=-1, expire_timestamp=5000), OFFSET_V1),
        (offset_record(leader_epoch=4, topic_id=TOPIC_ID), OFFSET_V4),
        (OffsetRecord("g", "t", 7, None), None),
    ],
)
def test_an_offset_record(record: OffsetRecord, value: bytes | None) -> None:
    assert encode_record(record) == (OFFSET_KEY, value)
    assert decode_record(OFFSET_KEY, value) == record


def test_an_offset_record_of_kafka_0_8_is_read() -> None:
    key = b"\x00\x00" + OFFSET_KEY[2:]
    value = b"\x00\x00" + (300).to_bytes(8, "big") + b"\x00\x02hi" + (1000).to_bytes(8, "big")
    assert decode_record(key, value) == offset_record(leader_epoch=-1)


def stable_group() -> Group:
    group = Group("g")
    member = Member(
        member_id="m",
        group_instance_id=None,
        client_id="c",
        client_host="/h",
        rebalance_timeout_ms=60_000,
        session_timeout_ms=10_000,
        protocols=[("own", b"other"), ("range", b"sub")],
    )
    group.add(member, "consumer")
    group.generation_id, group.protocol_name = 2, "range"
    return group


def test_a_group_record() -> None:
    record = generation(stable_group(), {"m": b"asg"}, 1000)
    assert encode_record(record) == (GROUP_KEY, GROUP_V3)
    assert decode_record(GROUP_KEY, GROUP_V3) == record


def test_a_group_record_without_members() -> None:
    group = stable_group()
    record = empty_generation(group, 1000)
    value = b"\x00\x03\x00\x08consumer\x00\x00\x00\x03\xff\xff\xff\xff" + (1000).to_bytes(8, "big") + bytes(4)
    assert encode_record(record) == (GROUP_KEY, value)


def test_a_new_group_and_a_deleted_one() -> None:
    value = b"\x00\x03\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff" + (1000).to_bytes(8, "big") + bytes(4)
    assert encode_record(new_group("g", 1000)) == (GROUP_KEY, value)
    assert encode_record(GroupRecord("g", None)) == (GROUP_KEY, None)
    assert decode_record(GROUP_KEY, None) == GroupRecord("g", None)


def test_the_first_group_records_had_one_timeout_and_no_timestamp() -> None:
    value = (
        b"\x00\x00\x00\x08consumer\x00\x00\x00\x02\x00\x05range\x00\x01m\x00\x00\x00\x01"
        b"\x00\x01m\x00\x01c\x00\x02/h\x00\x00\x27\x10\x00\x00\x00\x03sub\x00\x00\x00\x03asg"
    )
    record = decode_record(GROUP_KEY, value)
    assert isinstance(record, GroupRecord) and record.value is not None
    group = Group("g")
    group.replay(record.value)
    assert group.state is GroupState.STABLE
    assert group.members["m"].rebalance_timeout_ms == group.members["m"].session_timeout_ms == 10_000
    assert group.state_timestamp_ms is None


@pytest.mark.parametrize("kind", [3, 4, 5, 8, 16, 17, 900])
def test_records_of_other_kinds_are_left_alone(kind: int) -> None:
    assert decode_record(kind.to_bytes(2, "big") + b"whatever", b"\x00\x00") is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"", None),
        (b"\x00", None),
        (OFFSET_KEY[:-1], None),
        (OFFSET_KEY, b"\x00\x09" + OFFSET_V3[2:]),
        (GROUP_KEY, b""),
    ],
)
def test_damaged_records_are_refused(key: bytes, value: bytes | None) -> None:
    with pytest.raises(ProtocolError):
        decode_record(key, value)


def test_a_replayed_member_keeps_its_other_protocols_while_it_lives() -> None:
    group = stable_group()
    group.state = GroupState.COMPLETING_REBALANCE
    record = generation(group, {"m": b"asg"}, 1000)
    assert record.value is not None
    group.replay(record.value)
    assert group.members["m"].protocols == [("own", b"other"), ("range", b"sub")]
    assert group.members["m"].assignment == b"asg"


def test_a_replayed_generation_replaces_what_its_members_said_before() -> None:
    group = Group("g")
    for protocol, subscription in (("range", b"old"), ("sticky", b"new")):
        member = MemberMetadata(member_id="m", client_id="c", client_host="/h", subscription=subscription)
        group.replay(
            GroupMetadataValue(protocol_type="connect", generation=1, protocol=protocol, leader="m", members=[member])
        )
    assert group.members["m"].protocols == [("sticky", b"new")]
    assert group.select_protocol() == "sticky"
