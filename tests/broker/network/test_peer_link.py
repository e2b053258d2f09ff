"""One open connection to another node: how long answers are waited for, and what goes over the wire."""

from __future__ import annotations

import asyncio

import pytest
from groups_harness.loop import HeldLoop

from broker.network.peer_link import PeerLink, PeerUnreachable
from protocol import encode
from protocol.framing import frame
from protocol.headers import RequestHeader, encode_request_header, response_header
from protocol.messages.controller import BrokerHeartbeatRequest, BrokerHeartbeatResponse

VERSION = 1


class Wire(asyncio.Transport):
    """Keeps what was written to it."""

    def __init__(self, loop: HeldLoop) -> None:
        super().__init__()
        self.loop = loop
        self.written: list[bytes] = []
        self.link = PeerLink("broker-2", loop, lambda _: None)
        self.link.connection_made(self)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def abort(self) -> None:
        self.loop.call_soon(self.link.connection_lost, None)

    def get_write_buffer_size(self) -> int:
        return 0

    def ask(self, timeout_ms: float) -> asyncio.Future[BrokerHeartbeatResponse]:
        return self.link.send(  # type: ignore[return-value]
            BrokerHeartbeatRequest(broker_id=2), BrokerHeartbeatResponse, VERSION, timeout_ms
        )

    def answer(self, correlation_id: int) -> None:
        body = encode(BrokerHeartbeatResponse(), VERSION)
        self.link.data_received(frame(response_header(63, VERSION, correlation_id), body))


@pytest.fixture
def wire() -> Wire:
    return Wire(HeldLoop())


def why(asked: asyncio.Future[BrokerHeartbeatResponse]) -> str:
    failure = asked.exception()
    assert isinstance(failure, PeerUnreachable)
    return str(failure)


def test_frames_of_one_kind_differ_in_correlation_id_and_message(wire: Wire) -> None:
    for _ in range(2):
        wire.ask(1000)

    message = encode(BrokerHeartbeatRequest(broker_id=2), VERSION)
    headers = [encode_request_header(RequestHeader(63, VERSION, number, "broker-2")) for number in (1, 2)]
    assert wire.written == [frame(header, message) for header in headers]


def test_the_first_that_is_too_late_ends_the_connection_whatever_was_asked_before_it(wire: Wire) -> None:
    patient, hasty = wire.ask(5000), wire.ask(1000)

    wire.loop.advance(999)
    assert not hasty.done()
    wire.loop.advance(1)

    assert [why(asked) for asked in (patient, hasty)] == ["no answer within 1000 ms"] * 2


def test_each_request_is_given_its_own_time_also_behind_one_that_was_answered(wire: Wire) -> None:
    answered = wire.ask(1000)
    wire.loop.advance(600)
    behind = wire.ask(1000)
    wire.answer(1)

    wire.loop.advance(999)
    assert answered.done() and not behind.done()
    wire.loop.advance(1)

    assert why(behind) == "no answer within 1000 ms"


def test_a_request_that_nobody_waits_for_any_more_takes_nothing_with_it(wire: Wire) -> None:
    given_up, other = wire.ask(100), wire.ask(1000)
    given_up.cancel()

    wire.loop.advance(999)
    assert not other.done()
    wire.answer(1)
    wire.answer(2)

    assert other.result().error_code == 0


def test_where_all_is_answered_no_time_is_kept(wire: Wire) -> None:
    asked = wire.ask(100)
    wire.answer(1)

    wire.loop.advance(10_000)

    assert asked.result().error_code == 0
    assert not wire.loop._scheduled
    wire.ask(100)
    assert len(wire.written) == 2
