"""Frames that get room of their own come through whole and in order, and count for what they hold."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvloop
from network_harness.served import NewLoop, Served, serve

from broker.network import Api
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

RECORDS = bytes(range(256)) * (LARGE_FRAME_BYTES_MIN // 256)
LOOPS: list[NewLoop] = [uvloop.new_event_loop, asyncio.new_event_loop]


class Produced(Served):
    """The records of all produce requests, in the order in which they were handled."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[bytes] = []

    def handle(self, services: object, context: RequestContext, request: Any) -> ProduceResponse:
        self.records.append(bytes(request.topic_data[0].partition_data[0].records))
        return ProduceResponse()

    def apis(self) -> dict[int, Api]:
        return {0: Api(ApiKey.PRODUCE, 3, 8, ProduceRequest, ProduceResponse, self.handle)}


def records_produced(
    scenario: Callable[[Produced], Awaitable[None]], new_loop: NewLoop = uvloop.new_event_loop
) -> list[bytes]:
    served = Produced()
    serve(served, scenario, new_loop=new_loop)
    return served.records


def produce(correlation_id: int, records: bytes) -> bytes:
    """The frame of a request, its size in front."""
    data = [TopicProduceData(name="t", partition_data=[PartitionProduceData(index=0, records=records)])]
    message = struct.pack(">hhih", 0, 3, correlation_id, -1) + encode(ProduceRequest(acks=1, topic_data=data), 3)
    return struct.pack(">i", len(message)) + message


@pytest.mark.parametrize("new_loop", LOOPS)
def test_large_and_small_frames_behind_each_other_come_through_whole_and_in_order(
    new_loop: NewLoop,
) -> None:
    sent = [b"first", RECORDS, b"between", RECORDS * 9, RECORDS[::-1], b"last"]

    async def scenario(served: Produced) -> None:
        client = await served.connect()
        client.writer.write(b"".join(produce(number, records) for number, records in enumerate(sent)))
        assert [(await client.receive())[0] for _ in sent] == [0, 1, 2, 3, 4, 5]
        assert served.held_bytes == 0

    assert records_produced(scenario, new_loop) == sent


@pytest.mark.parametrize("new_loop", LOOPS)
def test_a_frame_with_room_counts_as_a_whole_until_its_connection_is_gone(
    new_loop: NewLoop,
) -> None:
    async def scenario(served: Produced) -> None:
        frame = produce(1, RECORDS)
        client = await served.connect()
        client.writer.write(frame[: len(frame) // 2])
        await served.until_held(len(frame))
        client.writer.close()
        await served.until_held(0)

    assert records_produced(scenario, new_loop) == []


def test_a_size_with_little_behind_it_makes_no_room() -> None:
    async def scenario(served: Produced) -> None:
        frame = produce(1, RECORDS)
        arrived_bytes = len(frame) // ROOM_FACTOR_MAX - 1
        client = await served.connect()
        client.writer.write(frame[:arrived_bytes])
        await served.until_held(arrived_bytes)
        client.writer.write(frame[arrived_bytes:])
        assert (await client.receive())[0] == 1

    assert records_produced(scenario) == [RECORDS]


def test_no_room_is_made_that_would_fill_the_memory_for_requests() -> None:
    async def scenario(served: Produced) -> None:
        frame = produce(1, RECORDS)
        served.dispatcher.request_bytes = RequestBytes(len(frame))
        client = await served.connect()
        client.writer.write(frame[: len(frame) // 2])
        await served.until_held(len(frame) // 2)
        client.writer.write(frame[len(frame) // 2 :])
        assert (await client.receive())[0] == 1

    assert records_produced(scenario) == [RECORDS]


def test_a_listener_that_stops_hangs_up_in_the_middle_of_a_large_frame() -> None:
    async def scenario(served: Produced) -> None:
        frame = produce(1, RECORDS)
        client = await served.connect()
        client.writer.write(frame[: len(frame) // 2])
        await served.until_held(len(frame))
        await served.listener.stop()
        await served.until_held(0)
        client.writer.close()

    assert records_produced(scenario) == []
