"""What stands before a message: which version of the header, and its bytes."""

from __future__ import annotations

import pytest

from protocol import ProtocolError
from protocol.api_keys import ApiKey
from protocol.headers import (
    RequestHeader,
    decode_request_header,
    decode_response_header,
    encode_request_header,
    request_header_is_flexible,
    response_header,
    response_header_is_flexible,
)
from protocol.messages import REQUESTS

# The first version of each API with request header v2 and response header v1, as Kafka's broker answers it.
FLEXIBLE_SINCE = {
    ApiKey.PRODUCE: 9,
    ApiKey.FETCH: 12,
    ApiKey.LIST_OFFSETS: 6,
    ApiKey.METADATA: 9,
    ApiKey.OFFSET_COMMIT: 8,
    ApiKey.OFFSET_FETCH: 6,
    ApiKey.FIND_COORDINATOR: 3,
    ApiKey.JOIN_GROUP: 6,
    ApiKey.HEARTBEAT: 4,
    ApiKey.LEAVE_GROUP: 4,
    ApiKey.SYNC_GROUP: 4,
    ApiKey.DESCRIBE_GROUPS: 5,
    ApiKey.LIST_GROUPS: 3,
    ApiKey.API_VERSIONS: 3,
    ApiKey.CREATE_TOPICS: 5,
    ApiKey.DELETE_TOPICS: 4,
    ApiKey.INIT_PRODUCER_ID: 2,
    ApiKey.WRITE_TXN_MARKERS: 1,
    ApiKey.DESCRIBE_CONFIGS: 4,
    ApiKey.SASL_AUTHENTICATE: 2,
    ApiKey.ALTER_PARTITION_REASSIGNMENTS: 0,
    ApiKey.BEGIN_QUORUM_EPOCH: 1,
    ApiKey.DESCRIBE_CLUSTER: 0,
    ApiKey.CONSUMER_GROUP_HEARTBEAT: 0,
}
NEVER_FLEXIBLE = {ApiKey.SASL_HANDSHAKE, ApiKey.OFFSET_DELETE}


@pytest.mark.parametrize(("key", "since"), FLEXIBLE_SINCE.items(), ids=lambda value: getattr(value, "name", None))
def test_request_headers_are_flexible_since_the_version_of_their_api(key: ApiKey, since: int) -> None:
    assert request_header_is_flexible(key, since)
    assert not request_header_is_flexible(key, since - 1)


def test_headers_of_sasl_handshake_and_offset_delete_are_never_flexible() -> None:
    for key in ApiKey:
        ever = any(request_header_is_flexible(key, version) for version in range(100))
        assert ever == (key not in NEVER_FLEXIBLE)
        assert any(response_header_is_flexible(key, version) for version in range(100)) == (
            key not in NEVER_FLEXIBLE and key != ApiKey.API_VERSIONS
        )


def test_the_response_header_of_api_versions_is_never_flexible() -> None:
    for version in range(10):
        assert response_header(ApiKey.API_VERSIONS, version, 7) == b"\0\0\0\7"
        assert decode_response_header(memoryview(b"\0\0\0\7rest"), ApiKey.API_VERSIONS, version) == (7, 4)
    assert request_header_is_flexible(ApiKey.API_VERSIONS, 3)


def test_a_version_that_is_newer_than_ours_has_a_flexible_header() -> None:
    assert request_header_is_flexible(ApiKey.API_VERSIONS, 99)
    assert not request_header_is_flexible(9999, 3)


@pytest.mark.parametrize("key", list(ApiKey), ids=lambda key: key.name)
def test_responses_have_the_header_that_goes_with_their_version(key: ApiKey) -> None:
    first, last = REQUESTS[key].__schema__.versions
    for version in range(first, last + 1):
        header = response_header(key, version, -2)
        assert header == b"\xff\xff\xff\xfe" + (b"\0" if response_header_is_flexible(key, version) else b"")
        assert decode_response_header(memoryview(header), key, version) == (-2, len(header))


@pytest.mark.parametrize(
    ("header", "encoded"),
    [
        (RequestHeader(3, 1, 42, "kcat"), b"\0\3\0\1\0\0\0\x2a\0\4kcat"),
        (RequestHeader(3, 1, 42, ""), b"\0\3\0\1\0\0\0\x2a\0\0"),
        (RequestHeader(3, 1, -1, None), b"\0\3\0\1\xff\xff\xff\xff\xff\xff"),
        # The client id stays a plain string in the flexible header.
        (RequestHeader(3, 9, 42, "kcat"), b"\0\3\0\x09\0\0\0\x2a\0\4kcat\0"),
        (RequestHeader(18, 3, 42, None), b"\0\x12\0\3\0\0\0\x2a\xff\xff\0"),
        (RequestHeader(17, 1, 42, "c"), b"\0\x11\0\1\0\0\0\x2a\0\1c"),
        (RequestHeader(9999, 7, 42, "c"), b"\x27\x0f\0\7\0\0\0\x2a\0\1c"),
    ],
)
def test_request_headers_in_bytes(header: RequestHeader, encoded: bytes) -> None:
    assert encode_request_header(header) == encoded
    assert decode_request_header(memoryview(encoded + b"message")) == (header, len(encoded))


def test_tagged_fields_of_a_request_header_are_passed_over() -> None:
    tagged = b"\2\0\3abc\x81\1\0"
    header, position = decode_request_header(memoryview(b"\0\3\0\x09\0\0\0\x2a\0\1c" + tagged + b"message"))
    assert (header.client_id, position) == ("c", 11 + len(tagged))


def test_a_request_header_cut_anywhere_is_refused() -> None:
    encoded = b"\0\3\0\x09\0\0\0\x2a\0\4kcat\1\0\3abc"
    assert decode_request_header(memoryview(encoded))[1] == len(encoded)
    for cut in range(len(encoded)):
        with pytest.raises(ProtocolError):
            decode_request_header(memoryview(encoded)[:cut])


@pytest.mark.parametrize("client_id", [b"\xff\xfe", b"\x80\x00", b"\x7f\xff", b"\0\2\xc3\x28"])
def test_a_malformed_client_id_is_refused(client_id: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode_request_header(memoryview(b"\0\3\0\1\0\0\0\x2a" + client_id))


def test_a_response_header_cut_anywhere_is_refused() -> None:
    for cut in range(5):
        with pytest.raises(ProtocolError):
            decode_response_header(memoryview(b"\0\0\0\7\0")[:cut], ApiKey.FETCH, 12)
