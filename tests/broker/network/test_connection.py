"""A connection over a real socket: requests come in any pieces, and answers go out in their order."""

from __future__ import annotations

import asyncio
import struct

from network_harness.owed_answers import OwedAnswers, serve_owing
from network_harness.served import until

from broker.request import CloseConnection
from protocol.messages.heartbeat import HeartbeatResponse
from protocol.messages.produce import ProduceResponse


def test_answers_leave_in_the_order_of_the_requests() -> None:
    async def scenario(served: OwedAnswers) -> None:
        client = await served.connect()
        for correlation_id in (1, 2, 3):
            client.send_produce(correlation_id)
        await until(lambda: len(served.produce) == 3)
        for pending in reversed(served.produce):
            pending.resolve(ProduceResponse())
        assert [(await client.receive())[0] for _ in range(3)] == [1, 2, 3]

    serve_owing(scenario)


def test_produce_requests_start_at_once_and_everything_else_waits_its_turn() -> None:
    async def scenario(served: OwedAnswers) -> None:
        client = await served.connect()
        client.send_produce(1)
        client.send_produce(2)
        client.send_heartbeat(3)
        client.send_produce(4)
        await until(lambda: len(served.produce) == 2)
        assert served.asked == ["produce 1", "produce 2"]
        for pending in served.produce:
            pending.resolve(ProduceResponse())
        await until(lambda: len(served.heartbeat) == 1)
        # Behind a request that a task serves, even a produce request waits.
        assert served.asked[2:] == ["heartbeat 3"]
        served.heartbeat[0].set_result(HeartbeatResponse())
        await until(lambda: len(served.produce) == 3)
        served.produce[2].resolve(ProduceResponse())
        assert [(await client.receive())[0] for _ in range(4)] == [1, 2, 3, 4]

    serve_owing(scenario)


def test_an_answer_of_none_sends_nothing_and_keeps_the_order() -> None:
    async def scenario(served: OwedAnswers) -> None:
        client = await served.connect()
        client.send_produce(1)
        client.send_produce(2)
        await until(lambda: len(served.produce) == 2)
        served.produce[0].resolve(None)
        served.produce[1].resolve(ProduceResponse())
        assert (await client.receive())[0] == 2

    serve_owing(scenario)


def test_an_answer_that_hangs_up_does() -> None:
    async def scenario(served: OwedAnswers) -> None:
        client = await served.connect()
        client.send_produce(1)
        await until(lambda: len(served.produce) == 1)
        served.produce[0].resolve(CloseConnection("a produce request with acks=0 failed"))
        assert await client.is_closed()
        await served.until_held(0)

    serve_owing(scenario)


def test_frames_may_arrive_in_any_pieces() -> None:
    async def scenario(served: OwedAnswers) -> None:
        client = await served.connect()
        raw = struct.pack(">ihhih", 10, 18, 0, 7, -1) * 3
        for byte in raw:
            client.writer.write(bytes([byte]))
            await client.writer.drain()
        assert [(await client.receive())[0] for _ in range(3)] == [7, 7, 7]

    serve_owing(scenario)


def test_a_handler_may_hang_up() -> None:
    """The only answer to a refused produce with acks=0."""

    async def scenario(served: OwedAnswers) -> None:
        client = await served.connect()
        client.send_produce(1, acks=0)
        assert await client.is_closed()

    serve_owing(scenario)


def test_a_listener_that_stops_answers_what_it_read_and_reads_no_more() -> None:
    """A client that never pauses once held the whole drain timeout: its next request always kept it busy."""

    async def scenario(served: OwedAnswers) -> None:
        busy, idle = await served.connect(), await served.connect()
        busy.send_heartbeat(1)
        idle.send_produce(1)
        await until(lambda: len(served.heartbeat) == 1 and len(served.produce) == 1)
        served.produce[0].resolve(ProduceResponse())
        await idle.receive()
        stopping = asyncio.ensure_future(served.listener.stop())
        assert await idle.is_closed()
        busy.send_heartbeat(2)
        served.heartbeat[0].set_result(HeartbeatResponse())
        assert (await busy.receive())[0] == 1
        await stopping
        assert served.asked.count("heartbeat 2") == 0

    serve_owing(scenario)
