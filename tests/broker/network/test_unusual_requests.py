"""What a connection does with a request that is not as it should be, or that meets a fault of ours."""

from __future__ import annotations

import struct

import pytest
from network_harness.owed_answers import BROKEN_CORRELATION_ID, OwedAnswers, serve_owing
from network_harness.served import LIMITS, until

from protocol import decode, encode
from protocol.errors import ErrorCode
from protocol.messages.api_versions import ApiVersionsResponse
from protocol.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from protocol.messages.produce import ProduceRequest


@pytest.mark.parametrize("size", [2**31 - 1, LIMITS.frame_bytes_max + 1, 0, 7, -5])
def test_a_length_outside_the_limits_closes_the_connection(size: int) -> None:
    async def scenario(served: OwedAnswers) -> None:
        client = await served.connect()
        client.writer.write(struct.pack(">i", size))
        assert await client.is_closed()

    serve_owing(scenario)


def test_a_body_that_does_not_decode_closes_the_connection_and_no_other() -> None:
    async def scenario(served: OwedAnswers) -> None:
        bystander, client = await served.connect(), await served.connect()
        client.send(12, 0, 1, b"\x7f\xff garbage")
        assert await client.is_closed()
        bystander.send(18, 0, 9, b"")
        assert (await bystander.receive())[0] == 9

    serve_owing(scenario)


def test_an_unknown_version_of_api_versions_is_answered_in_v0_with_the_range() -> None:
    """KIP-511: the client learns at once what to ask with."""

    async def scenario(served: OwedAnswers) -> None:
        client = await served.connect()
        client.send(18, 99, 5, b"what v99 looks like, nobody knows", flexible=True)
        correlation_id, body = await client.receive()
        response = decode(ApiVersionsResponse, 0, body)
        assert correlation_id == 5
        assert response.error_code == ErrorCode.UNSUPPORTED_VERSION
        assert [(api.api_key, api.min_version, api.max_version) for api in response.api_keys] == [(18, 0, 3)]

    serve_owing(scenario)


def test_an_unknown_version_of_another_api_is_answered_with_its_error() -> None:
    async def scenario(served: OwedAnswers) -> None:
        client = await served.connect()
        client.send(12, 9, 6, b"", flexible=True)
        correlation_id, body = await client.receive()
        assert correlation_id == 6
        assert decode(HeartbeatResponse, 4, body[1:]).error_code == ErrorCode.UNSUPPORTED_VERSION

    serve_owing(scenario)


def test_an_api_that_is_not_served_closes_the_connection() -> None:
    async def scenario(served: OwedAnswers) -> None:
        client = await served.connect()
        client.send(52, 0, 1, b"")
        assert await client.is_closed()

    serve_owing(scenario)


@pytest.mark.parametrize("key", [-1, 5000])
def test_a_key_that_no_api_has_closes_the_connection(key: int) -> None:
    async def scenario(served: OwedAnswers) -> None:
        client = await served.connect()
        client.send(key, 0, 1, b"")
        assert await client.is_closed()

    serve_owing(scenario)


def test_a_client_id_that_is_no_text_closes_the_connection_on_the_short_road_too() -> None:
    async def scenario(served: OwedAnswers) -> None:
        client = await served.connect()
        client.send_produce(1)
        await until(lambda: len(served.produce) == 1)
        header = struct.pack(">hhih", 0, 3, 2, 2) + b"\xff\xfe"
        body = encode(ProduceRequest(acks=1), 3)
        client.writer.write(struct.pack(">i", len(header) + len(body)) + header + body)
        assert await client.is_closed()

    serve_owing(scenario)


def test_bytes_behind_a_request_are_ignored() -> None:
    """As in Kafka. librdkafka 2.16 asks for all topics by Metadata v9 and newer with three bytes too many, and got its
    connection closed for it, again and again."""

    async def scenario(served: OwedAnswers) -> None:
        client = await served.connect()
        client.send(12, 0, 1, encode(HeartbeatRequest(group_id="g"), 0) + b"\0\0\0")
        await until(lambda: len(served.heartbeat) == 1)
        served.heartbeat[0].set_result(HeartbeatResponse())
        assert (await client.receive())[0] == 1

    serve_owing(scenario)


def test_tagged_fields_of_a_request_header_are_passed_over() -> None:
    """Header v2 (KIP-482): a newer client may send tags that we do not know."""

    async def scenario(served: OwedAnswers) -> None:
        client = await served.connect()
        tags = b"\x02" + b"\x05\x03abc" + b"\x63\x00"
        body = encode(HeartbeatRequest(group_id="g"), 4)
        header = struct.pack(">hhih", 12, 4, 8, 2) + b"me" + tags
        client.writer.write(struct.pack(">i", len(header) + len(body)) + header + body)
        await until(lambda: len(served.heartbeat) == 1)
        served.heartbeat[0].set_result(HeartbeatResponse())
        correlation_id, answer = await client.receive()
        assert (correlation_id, answer[0]) == (8, 0)

    serve_owing(scenario)


def test_a_fault_of_ours_is_unknown_server_error_and_never_success() -> None:
    async def scenario(served: OwedAnswers) -> None:
        client = await served.connect()
        client.send_heartbeat(4, "broken")
        _, body = await client.receive()
        assert decode(HeartbeatResponse, 0, body).error_code == ErrorCode.UNKNOWN_SERVER_ERROR

    serve_owing(scenario)


def test_a_fault_of_ours_behind_an_answer_costs_no_other_connection_its_answers() -> None:
    """It broke off the sending of the answers of that turn, and the connections behind it never sent anything again."""

    async def scenario(served: OwedAnswers) -> None:
        broken, bystander = await served.connect(), await served.connect()
        broken.send_heartbeat(1)
        bystander.send_heartbeat(2)
        await until(lambda: len(served.heartbeat) == 2)
        broken.send_produce(BROKEN_CORRELATION_ID)
        broken.send(18, 0, 3, b"")
        await served.until_waiting(2)
        for pending in served.heartbeat:
            pending.set_result(HeartbeatResponse())
        assert (await bystander.receive())[0] == 2
        bystander.send(18, 0, 4, b"")
        assert (await bystander.receive())[0] == 4
        assert (await broken.receive())[0] == 1
        assert await broken.is_closed()

    serve_owing(scenario)
