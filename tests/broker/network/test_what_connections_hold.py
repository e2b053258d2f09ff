"""What connections may hold: bytes of requests, each other's places; and that all of it is given back."""

from __future__ import annotations

import gc
import struct
from collections.abc import Callable

import pytest
from network_harness.owed_answers import OwedAnswers, serve_owing
from network_harness.served import LIMITS, until

from broker.fetching import FetchWait
from broker.network.exchange import Exchange
from broker.network.flow_control import RequestBytes
from protocol import encode
from protocol.messages.fetch import FetchRequest
from protocol.messages.produce import ProduceResponse


def half_and_rest(correlation_id: int) -> tuple[bytes, bytes]:
    """An ApiVersions request of a thousand bytes in two pieces."""
    frame = struct.pack(">ihhih", 1000, 18, 0, correlation_id, -1) + bytes(990)
    return frame[:600], frame[600:]


def test_half_requests_count_and_all_of_them_come_through_one_after_another() -> None:
    """They counted for their connection only: a thousand slow senders could hold any number of bytes."""

    async def scenario(served: OwedAnswers) -> None:
        served.dispatcher.request_bytes = RequestBytes(1100, overdraft_bytes_max=500)
        slow = [await served.connect(), await served.connect()]
        for number, client in enumerate(slow):
            client.writer.write(half_and_rest(number)[0])
        await served.until_held(1200)
        third = await served.connect()
        third.send(18, 0, 7, b"")
        for number, client in enumerate(slow):
            client.writer.write(half_and_rest(number)[1])
        assert [(await client.receive())[0] for client in [*slow, third]] == [0, 1, 7]
        assert served.held_bytes == 0

    serve_owing(scenario)


def test_a_half_request_is_given_back_with_its_connection() -> None:
    async def scenario(served: OwedAnswers) -> None:
        client = await served.connect()
        client.writer.write(half_and_rest(1)[0])
        await served.until_held(600)
        client.writer.close()
        await served.until_held(0)

    serve_owing(scenario)


def test_who_is_let_through_and_does_not_come_to_an_end_is_closed(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(served: OwedAnswers) -> None:
        served.dispatcher.request_bytes = RequestBytes(600)
        timers: list[tuple[Callable[..., object], tuple[object, ...]]] = []
        served.dispatcher.call_later = lambda delay, call, *arguments: timers.append((call, arguments))  # type: ignore[assignment]
        slow = await served.connect()
        slow.writer.write(half_and_rest(1)[0])
        await until(lambda: bool(timers))
        other = await served.connect()
        other.send(18, 0, 7, b"")
        call, arguments = timers[0]
        call(*arguments)
        assert await slow.is_closed()
        assert (await other.receive())[0] == 7

    serve_owing(scenario)
    assert "did not arrive within" in caplog.text


def test_connections_above_the_limit_of_an_address_are_refused() -> None:
    async def scenario(served: OwedAnswers) -> None:
        admitted = [await served.connect() for _ in range(LIMITS.connections_per_ip_max)]
        for client in admitted:
            client.send(18, 0, 1, b"")
            await client.receive()
        refused = await served.connect()
        assert await refused.is_closed()
        admitted[0].writer.close()
        await admitted[0].reader.read()
        again = await served.connect()
        again.send(18, 0, 2, b"")
        assert (await again.receive())[0] == 2

    serve_owing(scenario)


def test_a_client_that_leaves_while_its_fetch_waits_leaves_nothing_behind() -> None:
    """Bytes taken for a request and never given back add up until the node reads from nobody any more."""

    async def scenario(served: OwedAnswers) -> None:
        client = await served.connect()
        client.send(1, 4, 1, encode(FetchRequest(), 4))
        client.send_produce(2)
        await until(lambda: len(served.produce) == 1)
        request_bytes = served.dispatcher.request_bytes
        assert request_bytes.held_bytes > 0
        client.writer.close()
        served.produce[0].resolve(ProduceResponse())
        await until(lambda: request_bytes.held_bytes == 0)

    serve_owing(scenario)


def test_requests_of_a_client_that_is_gone_hold_no_bytes() -> None:
    """A fetch that waits is abandoned and never answered: its bytes were never given back, and after enough of them
    the node took itself for full."""

    async def scenario(served: OwedAnswers) -> None:
        client = await served.connect()
        client.send_produce(1)
        client.send_produce(2)
        await until(lambda: len(served.produce) == 2)
        assert served.held_bytes > 0

        client.writer.close()
        await served.until_held(0)

        # One that is answered late, into the void, gives nothing back twice.
        served.produce[0].resolve(ProduceResponse())
        other = await served.connect()
        other.send(18, 0, 9, b"")
        assert (await other.receive())[0] == 9
        assert served.held_bytes == 0

    serve_owing(scenario)


def test_a_fetch_that_waited_leaves_nothing_to_the_collector_of_garbage() -> None:
    """What is left in circles adds up to a look at 50,000 objects, which stops the loop for tens of milliseconds."""

    async def scenario(served: OwedAnswers) -> None:
        client = await served.connect()
        client.send(1, 4, 1, encode(FetchRequest(), 4))
        await until(lambda: served.asked == ["fetch 1"])
        (connection,) = served.listener._connections
        waiting = connection._in_flight[0].deferred
        assert waiting is not None
        waiting.node_stops()
        del waiting
        assert (await client.receive())[0] == 1
        assert not [thing for thing in gc.get_objects() if isinstance(thing, (FetchWait, Exchange))]

    gc.collect()
    gc.disable()
    try:
        serve_owing(scenario)
    finally:
        gc.enable()
