"""Frames that get room of their own come through whole and in order, and count for what they hold."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvloop

from broker.clock import SystemClock
from broker.end_of_turn import EndOfTurn
from broker.network import Api, Dispatcher, Listener, ListenerLimits
from broker.network.flow_control import RequestBytes
from broker.network.large_frame import LARGE_FRAME_BYTES_MIN, ROOM_FACTOR_MAX
from broker.request import RequestContext
from protocol import encode
from protocol.api_keys import ApiKey
from protocol.messages.produce import (
    PartitionProduceData,
    ProduceRequest,
    ProduceResponse,
    TopicProduceData,
)

LIMITS = ListenerLimits(
    frame_bytes_max=16 << 20, connections_max=4, connections_per_ip_max=4, connection_idle_ms_max=600_000
)
RECORDS = bytes(range(256)) * (LARGE_FRAME_BYTES_MIN // 256)
LOOPS: list[Callable[[], asyncio.AbstractEventLoop]] = [uvloop.new_event_loop, asyncio.new_event_loop]


class Served:
    def __init__(self, dispatcher: Dispatcher, listener: Listener) -> None:
        self.dispatcher, self.listener = dispatcher, listener

    @property
    def held_bytes(self) -> int:
        return self.dispatcher.request_bytes.held_bytes

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.listener.port)

    async def until_held(self, size_bytes: int) -> None:
        """Let the loop turn until requests hold so much; the test's own timeout is the limit."""
        while self.held_bytes != size_bytes:  # noqa: ASYNC110 - nothing else would tell
            await asyncio.sleep(0)


def serve(
    scenario: Callable[[Served], Awaitable[None]],
    new_loop: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop,
) -> list[bytes]:
    """The records of all produce requests that `scenario` sent, in the order in which they were handled."""
    produced: list[bytes] = []

    def handle(services: object, context: RequestContext, request: Any) -> ProduceResponse:
        produced.append(bytes(request.topic_data[0].partition_data[0].records))
        return ProduceResponse()

    async def run() -> None:
        loop = asyncio.get_running_loop()
        apis = {0: Api(ApiKey.PRODUCE, 3, 8, ProduceRequest, ProduceResponse, handle)}
        dispatcher = Dispatcher(apis, None, clock=SystemClock(), loop=loop, end_of_turn=EndOfTurn(loop))
        listener = Listener("PLAINTEXT", "127.0.0.1", 0, dispatcher=dispatcher, limits=LIMITS, loop=loop)
        await listener.bind()
        await listener.start()
        await scenario(Served(dispatcher, listener))
        await listener.stop()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(run())
    return produced


def produce(correlation_id: int, records: bytes) -> bytes:
    """The frame of a request, its size in front."""
    data = [TopicProduceData(name="t", partition_data=[PartitionProduceData(index=0, records=records)])]
    message = struct.pack(">hhih", 0, 3, correlation_id, -1) + encode(ProduceRequest(acks=1, topic_data=data), 3)
    return struct.pack(">i", len(message)) + message


async def receive(reader: asyncio.StreamReader) -> int:
    """The correlation id of an answer."""
    (size,) = struct.unpack(">i", await reader.readexactly(4))
    correlation_id: int = struct.unpack_from(">i", await reader.readexactly(size))[0]
    return correlation_id


@pytest.mark.parametrize("new_loop", LOOPS)
def test_large_and_small_frames_behind_each_other_come_through_whole_and_in_order(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    sent = [b"first", RECORDS, b"between", RECORDS * 9, RECORDS[::-1], b"last"]

    async def scenario(served: Served) -> None:
        reader, writer = await served.connect()
        writer.write(b"".join(produce(number, records) for number, records in enumerate(sent)))
        assert [await receive(reader) for _ in sent] == [0, 1, 2, 3, 4, 5]
        assert served.held_bytes == 0
        writer.close()

    assert serve(scenario, new_loop) == sent


@pytest.mark.parametrize("new_loop", LOOPS)
def test_a_frame_with_room_counts_as_a_whole_until_its_connection_is_gone(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def scenario(served: Served) -> None:
        frame = produce(1, RECORDS)
        _, writer = await served.connect()
        writer.write(frame[: len(frame) // 2])
        await served.until_held(len(frame))
        writer.close()
        await served.until_held(0)

    assert serve(scenario, new_loop) == []


def test_a_size_with_little_behind_it_makes_no_room() -> None:
    async def scenario(served: Served) -> None:
        frame = produce(1, RECORDS)
        arrived_bytes = len(frame) // ROOM_FACTOR_MAX - 1
        reader, writer = await served.connect()
        writer.write(frame[:arrived_bytes])
        await served.until_held(arrived_bytes)
        writer.write(frame[arrived_bytes:])
        assert await receive(reader) == 1
        writer.close()

    assert serve(scenario) == [RECORDS]


def test_no_room_is_made_that_would_fill_the_memory_for_requests() -> None:
    async def scenario(served: Served) -> None:
        frame = produce(1, RECORDS)
        served.dispatcher.request_bytes = RequestBytes(len(frame))
        reader, writer = await served.connect()
        writer.write(frame[: len(frame) // 2])
        await served.until_held(len(frame) // 2)
        writer.write(frame[len(frame) // 2 :])
        assert await receive(reader) == 1
        writer.close()

    assert serve(scenario) == [RECORDS]


def test_a_listener_that_stops_hangs_up_in_the_middle_of_a_large_frame() -> None:
    async def scenario(served: Served) -> None:
        frame = produce(1, RECORDS)
        _, writer = await served.connect()
        writer.write(frame[: len(frame) // 2])
        await served.until_held(len(frame))
        await served.listener.stop()
        await served.until_held(0)
        writer.close()

    assert serve(scenario) == []
