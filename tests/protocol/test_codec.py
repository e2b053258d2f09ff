"""The codec by itself: defaults, nulls, tagged fields, versions, constructors, and bytes written down by hand."""

from __future__ import annotations

import copy

import pytest
from codec_oracles.generated import Generator, all_messages, versions_of

from protocol import ZERO_UUID, ProtocolError, decode, decoder, encode, encoder
from protocol.api_keys import ApiKey
from protocol.encoding import DETACHED_BYTES_MIN, Detached
from protocol.messages import REQUESTS, RESPONSES
from protocol.messages.api_versions import ApiVersion, ApiVersionsRequest, ApiVersionsResponse
from protocol.messages.consumer_group_heartbeat import Assignment, ConsumerGroupHeartbeatResponse
from protocol.messages.delete_groups import DeletableGroupResult, DeleteGroupsResponse
from protocol.messages.fetch import (
    FetchableTopicResponse,
    FetchRequest,
    FetchResponse,
    LeaderIdAndEpoch,
    PartitionData,
    ReplicaState,
)
from protocol.messages.heartbeat import HeartbeatRequest
from protocol.messages.init_producer_id import InitProducerIdRequest
from protocol.messages.metadata import MetadataRequest, MetadataRequestTopic
from protocol.messages.offset_fetch import OffsetFetchRequest
from protocol.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from protocol.messages.txn_offset_commit import TxnOffsetCommitRequest, TxnOffsetCommitRequestTopic
from protocol.primitives import put_uvarint, read_uvarint, uvarint
from protocol.schema import Message


def test_every_api_has_a_request_and_a_response() -> None:
    assert set(REQUESTS) == set(RESPONSES) == set(ApiKey)


@pytest.mark.parametrize("key", list(ApiKey), ids=lambda key: key.name)
def test_request_and_response_agree_on_versions_and_flexibility(key: ApiKey) -> None:
    request, response = REQUESTS[key].__schema__, RESPONSES[key].__schema__
    assert (request.versions, request.flexible_since) == (response.versions, response.flexible_since)
    assert request.cls.__name__.removesuffix("Request") == response.cls.__name__.removesuffix("Response")


@pytest.mark.parametrize("cls", all_messages(), ids=lambda cls: cls.__name__)
def test_defaults_survive_every_version(cls: type[Message]) -> None:
    for version in versions_of(cls):
        assert decode(cls, version, encode(cls(), version)) == cls()


@pytest.mark.parametrize("cls", all_messages(), ids=lambda cls: cls.__name__)
def test_a_message_is_decoded_from_the_middle_of_a_buffer(cls: type[Message]) -> None:
    version = versions_of(cls)[-1]
    message = Generator(cls.__name__).message(cls, version)
    encoded = encode(message, version)
    decoded, end = decoder(cls, version)(memoryview(b"before" + encoded + b"after"), 6)
    assert (decoded, end) == (message, 6 + len(encoded))


def test_an_encoder_appends_to_what_is_there() -> None:
    out = bytearray(b"before")
    encoder(HeartbeatRequest, 0)(HeartbeatRequest(group_id="g", generation_id=1, member_id="m"), out)
    assert out == b"before\0\1g\0\0\0\1\0\1m"


@pytest.mark.parametrize("version", versions_of(FetchResponse))
def test_long_records_can_be_left_out_and_put_where_they_belong(version: int) -> None:
    long, longer = b"a" * DETACHED_BYTES_MIN, memoryview(b"b" * (DETACHED_BYTES_MIN + 1))
    contents = [long, b"short", longer, b"", None, b"c" * (DETACHED_BYTES_MIN - 1)]
    partitions = [PartitionData(partition_index=index, records=records) for index, records in enumerate(contents)]
    response = FetchResponse(responses=[FetchableTopicResponse(partitions=partitions)])
    out, detached = bytearray(), list[Detached]()

    encoder(FetchResponse, version)(response, out, detached)

    assert [records for _, records in detached] == [long, longer]
    for position, records in reversed(detached):
        out[position:position] = records
    assert out == encode(response, version)


def test_bytes_after_the_end_are_refused() -> None:
    with pytest.raises(ProtocolError, match="1 bytes after the end"):
        decode(HeartbeatRequest, 0, encode(HeartbeatRequest(), 0) + b"\0")


@pytest.mark.parametrize("version", [-1, 5, 100])
def test_versions_that_a_message_does_not_have_are_refused(version: int) -> None:
    with pytest.raises(ProtocolError, match=f"HeartbeatRequest has no version {version}"):
        decoder(HeartbeatRequest, version)
    with pytest.raises(ProtocolError, match=f"HeartbeatRequest has no version {version}"):
        encode(HeartbeatRequest(), version)


def test_an_unstable_version_is_understood_but_not_in_the_advertised_range() -> None:
    assert InitProducerIdRequest.__schema__.versions == (0, 5)
    message = InitProducerIdRequest(transactional_id="t", enable2_pc=True)
    assert decode(InitProducerIdRequest, 6, encode(message, 6)) == message


# Versions that no codec we could ask knows; see test_messages_against_kafka_java.py.


def test_api_versions_v5_asks_for_a_cluster_and_a_node() -> None:
    message = ApiVersionsRequest(client_software_name="c", client_software_version="v", cluster_id="x", node_id=2)
    assert encode(message, 5) == b"\2c\2v\2x\0\0\0\2\0"
    assert encode(ApiVersionsRequest(), 5) == b"\1\1\0\xff\xff\xff\xff\0"


def test_delete_groups_v3_says_why() -> None:
    result = DeletableGroupResult(group_id="g", error_code=68, error_message="no")
    assert encode(DeleteGroupsResponse(results=[result]), 3) == b"\0\0\0\0\2\2g\0\x44\3no\0\0"


def test_txn_offset_commit_v6_names_topics_by_id() -> None:
    topic = TxnOffsetCommitRequestTopic(name="unsent", topic_id=bytes(range(16)))
    message = TxnOffsetCommitRequest(transactional_id="t", group_id="g", topics=[topic])
    expected = b"\2t\2g" + bytes(8 + 2) + b"\xff\xff\xff\xff\1\0\2" + bytes(range(16)) + b"\1\0\0"
    assert encode(message, 6) == expected


# Nulls.


def test_what_may_be_null_depends_on_the_version() -> None:
    assert decode(MetadataRequest, 1, b"\xff\xff\xff\xff").topics is None
    with pytest.raises(ProtocolError, match="null"):
        decode(MetadataRequest, 0, b"\xff\xff\xff\xff")
    assert decode(OffsetFetchRequest, 2, b"\0\1g\xff\xff\xff\xff").topics is None
    with pytest.raises(ProtocolError, match="null"):
        decode(OffsetFetchRequest, 1, b"\0\1g\xff\xff\xff\xff")
    assert decode(MetadataRequest, 10, b"\2" + ZERO_UUID + b"\0\0\1\0\0\0").topics == [MetadataRequestTopic(name=None)]
    with pytest.raises(ProtocolError, match="null"):
        decode(MetadataRequest, 9, b"\2\0\0\1\0\0\0")


def test_a_null_that_the_version_does_not_allow_is_not_encoded() -> None:
    with pytest.raises(TypeError):
        encode(MetadataRequest(topics=None), 0)
    with pytest.raises(AttributeError):
        encode(MetadataRequest(topics=[MetadataRequestTopic(name=None)]), 9)


@pytest.mark.parametrize("group", [b"\xff\xff", b"\xff\xfe", b"\x80\x00"])
def test_a_string_of_negative_length_is_refused(group: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode(HeartbeatRequest, 0, group + b"\0\0\0\1\0\0")


def test_a_nullable_struct_is_present_absent_or_malformed() -> None:
    message = ConsumerGroupHeartbeatResponse(assignment=Assignment())
    present = encode(message, 0)
    assert decode(ConsumerGroupHeartbeatResponse, 0, present) == message
    absent = encode(ConsumerGroupHeartbeatResponse(), 0)
    assert absent.endswith(b"\xff\0") and present.endswith(b"\1\1\0\0")
    assert decode(ConsumerGroupHeartbeatResponse, 0, absent).assignment is None
    with pytest.raises(ProtocolError, match="presence"):
        decode(ConsumerGroupHeartbeatResponse, 0, absent[:-2] + b"\2\0")


# Tagged fields.


def test_tagged_fields_at_their_defaults_are_not_sent() -> None:
    assert encode(FetchResponse(), 16) == bytes(4 + 2 + 4) + b"\1\0"
    assert encode(ApiVersionsResponse(finalized_features_epoch=-1), 3)[-1] == 0


def test_a_tagged_struct_that_equals_its_default_is_not_sent() -> None:
    replica = FetchRequest(replica_state=ReplicaState(replica_id=-1, replica_epoch=-1))
    assert encode(replica, 15) == encode(FetchRequest(), 15)
    assert encode(FetchRequest(replica_state=ReplicaState(replica_id=3)), 15) != encode(FetchRequest(), 15)


def test_unknown_tagged_fields_survive_a_round_trip() -> None:
    message = HeartbeatRequest(group_id="g", unknown_tagged_fields=[(7, b"seven"), (300, b""), (1 << 30, bytes(200))])
    decoded = decode(HeartbeatRequest, 4, encode(message, 4))
    assert decoded.unknown_tagged_fields == message.unknown_tagged_fields
    assert decoded == message


def test_unknown_and_known_tagged_fields_are_written_in_the_order_of_their_tags() -> None:
    partition = PartitionData(
        current_leader=LeaderIdAndEpoch(leader_id=1, leader_epoch=2), unknown_tagged_fields=[(9, b"n"), (0x80, b"m")]
    )
    message = FetchResponse(node_endpoints=[], unknown_tagged_fields=[(5, b"five")])
    assert encode(message, 16).endswith(b"\1\5\4five")
    fetched = FetchResponse(responses=[FetchableTopicResponse(partitions=[partition])])
    encoded = encode(fetched, 16)
    assert b"\3\1\x09\0\0\0\1\0\0\0\2\0\x09\1n\x80\1\1m" in encoded
    assert decode(FetchResponse, 16, encoded) == fetched


def test_unknown_tagged_fields_are_left_out_of_versions_without_tags() -> None:
    assert encode(HeartbeatRequest(unknown_tagged_fields=[(1, b"x")]), 3) == encode(HeartbeatRequest(), 3)


def test_a_known_tagged_field_must_be_as_long_as_it_says() -> None:
    good = encode(FetchRequest(cluster_id="c"), 12)
    assert good.endswith(b"\1\0\2\2c")
    for size in (1, 3):
        with pytest.raises(ProtocolError):
            decode(FetchRequest, 12, good[:-3] + bytes([size]) + b"\2c")


# Objects.


def test_constructors_take_keywords_only_and_refuse_unknown_ones() -> None:
    with pytest.raises(TypeError):
        HeartbeatRequest("g")  # type: ignore[call-arg, arg-type]
    with pytest.raises(TypeError):
        HeartbeatRequest(group="g")  # type: ignore[call-arg]
    with pytest.raises(AttributeError):
        HeartbeatRequest().group = "g"  # type: ignore[attr-defined]


def test_every_message_gets_lists_of_its_own() -> None:
    first, second = ApiVersionsResponse(), ApiVersionsResponse()
    first.api_keys.append(ApiVersion(api_key=1))
    assert second.api_keys == []


def test_the_default_of_a_tagged_struct_is_shared_and_cannot_be_changed() -> None:
    assert PartitionData().current_leader is PartitionData().current_leader
    assert PartitionData().current_leader == LeaderIdAndEpoch()
    with pytest.raises(AttributeError, match="assign a new one"):
        PartitionData().current_leader.leader_id = 1


def test_a_deep_copy_is_equal_and_of_its_own() -> None:
    message = FetchResponse(responses=[FetchableTopicResponse(partitions=[PartitionData(partition_index=1)])])
    copied = copy.deepcopy(message)
    assert copied == message
    copied.responses[0].partitions[0].partition_index = 2
    assert copied != message


def test_messages_compare_by_value_and_print_their_fields() -> None:
    assert HeartbeatRequest(group_id="g") == HeartbeatRequest(group_id="g") != HeartbeatRequest(group_id="h")
    assert HeartbeatRequest() != ApiVersionsRequest()
    assert repr(ApiVersion(api_key=3)) == "ApiVersion(api_key=3, min_version=0, max_version=0)"


def test_records_are_views_of_the_frame_and_bytes_are_copies() -> None:
    partition = PartitionProduceData(records=b"batch")
    frame = encode(ProduceRequest(topic_data=[TopicProduceData(name="t", partition_data=[partition])]), 9)
    records = decode(ProduceRequest, 9, frame).topic_data[0].partition_data[0].records
    assert isinstance(records, memoryview)
    assert bytes(records) == b"batch"
    assert records.obj is frame


def test_a_uuid_of_the_wrong_length_is_not_cut_to_another_one() -> None:
    with pytest.raises(AssertionError, match="16 bytes"):
        encode(ProduceRequest(topic_data=[TopicProduceData(topic_id=bytes(17))]), 13)


@pytest.mark.parametrize(
    "value", [0, 1, 127, 128, 255, 300, (1 << 14) - 1, 1 << 14, (1 << 21) - 1, 1 << 21, (1 << 31) - 1]
)
def test_unsigned_varints_of_every_length(value: int) -> None:
    out = bytearray()
    put_uvarint(out, value)
    assert read_uvarint(memoryview(out), 0) == (value, len(out))
    assert len(out) == max(1, -(-value.bit_length() // 7))
    if value >= 128:
        assert uvarint(value) == out


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 128, 16382, 16383, 16384, 70_000, 1 << 21])
def test_records_of_every_length_of_length(length: int) -> None:
    for version in (8, 9):
        partition = PartitionProduceData(index=1, records=bytes(length))
        message = ProduceRequest(topic_data=[TopicProduceData(name="t", partition_data=[partition] * 2)])
        encoded = encode(message, version)
        assert decode(ProduceRequest, version, encoded) == message
        size = length.to_bytes(4, "big") if version == 8 else varint(length + 1)
        assert encoded.count(b"\0\0\0\1" + size + bytes(length)) == 2


def varint(value: int) -> bytes:
    out = bytearray()
    put_uvarint(out, value)
    return bytes(out)
