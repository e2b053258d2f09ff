"""Answers out of segment files over real sockets: the bytes of a read, in order, or a connection that ends."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest
import uvloop
from log_harness import batch
from log_harness.batches import NOW_MS

from broker.clock import SystemClock
from broker.end_of_turn import EndOfTurn
from broker.log import LogConfig, LogManager, PartitionLog
from broker.network import Api, Dispatcher, Listener, ListenerLimits
from broker.network.sending import StoredPiece, send
from broker.request import Deferred, RequestContext
from protocol import encode
from protocol.api_keys import ApiKey
from protocol.messages.fetch import (
    FetchableTopicResponse,
    FetchPartition,
    FetchRequest,
    FetchResponse,
    FetchTopic,
    PartitionData,
)
from wal import OsFilesystem

LIMITS = ListenerLimits(
    frame_bytes_max=1 << 20, connections_max=4, connections_per_ip_max=4, connection_idle_ms_max=600_000
)
LOOPS: list[Callable[[], asyncio.AbstractEventLoop]] = [uvloop.new_event_loop, asyncio.new_event_loop]
STORED_BYTES_MIN = 64 * 1024
VERSION = 12


@pytest.fixture
def logs(tmp_path: Path) -> LogManager:
    config = LogConfig(retention_ms=1000)
    return LogManager(OsFilesystem(), str(tmp_path), config_of=lambda topic: config, open_files_max=2)


@pytest.fixture
def log(logs: LogManager) -> PartitionLog:
    """Twelve megabytes of batches."""
    made = logs.get_or_create("t", b"t" * 16, 0)
    chance = random.Random(1)
    for _ in range(240):
        made.append_as_leader(batch(chance.randbytes(50_000)), leader_epoch=0, now_ms=NOW_MS)
        made.write_out()
    return made


@pytest.fixture
def sent_from_files(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What the system was asked to send from a file, and took."""
    taken: list[int] = []
    sendfile = os.sendfile

    def counted(*arguments: Any) -> int:
        taken.append(sendfile(*arguments))
        return taken[-1]

    monkeypatch.setattr(os, "sendfile", counted)
    return taken


class Served:
    """Fetches are answered with as many partitions as they name, each a read of `log`; or later, when `held`."""

    def __init__(self, log: PartitionLog) -> None:
        self.log = log
        self.port = 0
        self.is_holding = False
        self.held: list[tuple[Deferred, FetchResponse]] = []

    def handle(self, services: object, context: RequestContext, request: FetchRequest) -> FetchResponse | Deferred:
        response = FetchResponse(responses=[FetchableTopicResponse(topic="t", partitions=[])])
        for asked in request.topics[0].partitions:
            read = self.log.read(
                asked.fetch_offset,
                max_bytes=asked.partition_max_bytes,
                max_offset=self.log.log_end_offset,
                stored_bytes_min=STORED_BYTES_MIN,
            )
            records = read.records if read.stored is None else cast("memoryview", read.stored)
            data = PartitionData(partition_index=asked.partition, high_watermark=1, records=records)
            response.responses[0].partitions.append(data)
        if not self.is_holding:
            return response
        self.held.append((Deferred(), response))
        return self.held[-1][0]

    async def connect(self, receive_buffer_bytes: int = 0) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        connected = socket.socket()
        if receive_buffer_bytes:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        connected.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connected, ("127.0.0.1", self.port))
        return await asyncio.open_connection(sock=connected)

    def answer(self, correlation_id: int, *reads: tuple[int, int]) -> bytes:
        """The frame that `fetch` of the same must bring, made of bytes."""
        partitions = []
        for number, (offset, max_bytes) in enumerate(reads):
            records = self.log.read(offset, max_bytes=max_bytes, max_offset=self.log.log_end_offset).records
            partitions.append(PartitionData(partition_index=number, high_watermark=1, records=bytes(records)))
        message = encode(FetchResponse(responses=[FetchableTopicResponse(topic="t", partitions=partitions)]), VERSION)
        return struct.pack(">iib", len(message) + 5, correlation_id, 0) + message


def fetch(correlation_id: int, *reads: tuple[int, int]) -> bytes:
    """The frame of a request for (offset, largest size) of each partition."""
    partitions = [
        FetchPartition(partition=number, fetch_offset=offset, partition_max_bytes=max_bytes)
        for number, (offset, max_bytes) in enumerate(reads)
    ]
    body = encode(FetchRequest(topics=[FetchTopic(topic="t", partitions=partitions)]), VERSION)
    message = struct.pack(">hhih", 1, VERSION, correlation_id, -1) + b"\0" + body
    return struct.pack(">i", len(message)) + message


def serve(
    log: PartitionLog,
    scenario: Callable[[Served], Awaitable[None]],
    new_loop: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop,
) -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        served = Served(log)
        apis = {1: Api(ApiKey.FETCH, VERSION, VERSION, FetchRequest, FetchResponse, served.handle)}
        dispatcher = Dispatcher(apis, None, clock=SystemClock(), loop=loop, end_of_turn=EndOfTurn(loop))
        listener = Listener("PLAINTEXT", "127.0.0.1", 0, dispatcher=dispatcher, limits=LIMITS, loop=loop)
        await listener.bind()
        await listener.start()
        served.port = listener.port
        await scenario(served)
        await listener.stop()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(run())


@pytest.mark.parametrize("new_loop", LOOPS)
def test_answers_from_files_are_the_bytes_of_answers_from_memory(
    log: PartitionLog, sent_from_files: list[int], new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    """Also those of several partitions, where short ones are between the long ones."""
    asked = [
        [(0, 1 << 20)],
        [(3, 70_000)],
        [(5, 300_000), (9, 10), (100, 200_000)],
        [(239, 1 << 20), (200, 150_000), (240, 1)],
    ]

    async def scenario(served: Served) -> None:
        reader, writer = await served.connect()
        for number, reads in enumerate(asked):
            writer.write(fetch(number, *reads))
            wanted = served.answer(number, *reads)
            assert await reader.readexactly(len(wanted)) == wanted
        writer.close()

    serve(log, scenario, new_loop)
    assert len(sent_from_files) >= 4


@pytest.mark.parametrize("new_loop", LOOPS)
def test_a_client_that_reads_late_gets_every_answer_whole_and_in_order(
    log: PartitionLog, sent_from_files: list[int], new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    """The socket takes a part; the rest waits in memory, and the answers behind it with it."""
    asked = [[(number, 4 << 20)] for number in range(6)]

    async def scenario(served: Served) -> None:
        reader, writer = await served.connect(receive_buffer_bytes=8192)
        writer.write(b"".join([fetch(number, *reads) for number, reads in enumerate(asked)]))
        while not sent_from_files:  # noqa: ASYNC110 - nothing else would tell
            await asyncio.sleep(0)
        for number, reads in enumerate(asked):
            wanted = served.answer(number, *reads)
            assert await reader.readexactly(len(wanted)) == wanted
        writer.close()

    serve(log, scenario, new_loop)
    assert sent_from_files[0] < 4 << 20


@pytest.mark.parametrize("new_loop", LOOPS)
def test_short_and_long_answers_behind_each_other_come_in_order(
    log: PartitionLog, new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    """The transport keeps a short one until the loop's turn is over, and no long one may overtake it."""
    asked = [(number, 150_000 if number % 2 else 10) for number in range(20)]

    async def scenario(served: Served) -> None:
        reader, writer = await served.connect()
        writer.write(b"".join([fetch(number, read) for number, read in enumerate(asked)]))
        for number, read in enumerate(asked):
            wanted = served.answer(number, read)
            assert await reader.readexactly(len(wanted)) == wanted
        writer.close()

    serve(log, scenario, new_loop)


@pytest.mark.parametrize("new_loop", LOOPS)
def test_what_waits_in_the_transport_is_not_overtaken_when_the_socket_has_room_again(
    log: PartitionLog, new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    before = bytes(8 << 20)
    stored = log.read(0, max_bytes=1 << 20, max_offset=240, stored_bytes_min=STORED_BYTES_MIN).stored
    assert stored is not None

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        transport = cast("asyncio.Transport", writer.transport)
        transport.write(before)
        assert transport.get_write_buffer_size()
        with pytest.raises(BlockingIOError):
            while got.extend(client.recv(1 << 20)) is None:
                pass
        send(transport, [b"head", cast("StoredPiece", stored), b"tail"])
        writer.close()

    async def run() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(client, server.sockets[0].getsockname())
        # The server's turn comes first: what it sends waits in the socket until it takes it itself.
        while not got:  # noqa: ASYNC110 - nothing else would tell
            await asyncio.sleep(0)
        while data := await loop.sock_recv(client, 1 << 20):
            got.extend(data)
        server.close()

    got = bytearray()
    with socket.socket() as client, asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(run())
    assert got == before + b"head" + stored.read() + b"tail"


def test_a_file_that_was_closed_for_another_is_opened_again(logs: LogManager, log: PartitionLog) -> None:
    others = [logs.get_or_create("other", b"o" * 16, number) for number in range(4)]

    async def scenario(served: Served) -> None:
        reader, writer = await served.connect()
        served.is_holding = True
        writer.write(fetch(1, (0, 1 << 20)))
        await until_held(served)
        for other in others:
            other.append_as_leader(batch(b"x"), leader_epoch=0, now_ms=NOW_MS)
            other.write_out()
        answer_held(served)
        wanted = served.answer(1, (0, 1 << 20))
        assert await reader.readexactly(len(wanted)) == wanted
        writer.close()

    serve(log, scenario)


def _cut_from_outside(log: PartitionLog) -> None:
    os.truncate(log.active.log_path, 1 << 19)


def _truncate(log: PartitionLog) -> None:
    log.truncate_to(5)


def _delete_by_age(log: PartitionLog) -> None:
    assert log.apply_retention(NOW_MS + 1_000_000_000, log.log_end_offset)


@pytest.mark.parametrize("change", [_cut_from_outside, _truncate, _delete_by_age])
def test_an_answer_that_was_promised_and_is_gone_ends_its_connection_alone(
    log: PartitionLog, change: Callable[[PartitionLog], None], caplog: pytest.LogCaptureFixture
) -> None:
    """Its length may be with the client already. The next connection is served what the log is now."""

    async def scenario(served: Served) -> None:
        reader, writer = await served.connect()
        other_reader, other_writer = await served.connect()
        served.is_holding = True
        writer.write(fetch(1, (2, 1 << 20)))
        await until_held(served)
        whole = served.answer(1, (2, 1 << 20))
        change(log)
        answer_held(served)
        got = await reader.read()
        assert len(got) < len(whole)
        assert whole.startswith(got)
        served.is_holding = False
        end = log.log_end_offset
        other_writer.write(fetch(2, (end, 100)))
        wanted = served.answer(2, (end, 100))
        assert await other_reader.readexactly(len(wanted)) == wanted
        writer.close()
        other_writer.close()

    serve(log, scenario)
    assert "its answer cannot be read" in caplog.text


async def until_held(served: Served) -> None:
    while not served.held:  # noqa: ASYNC110 - nothing else would tell
        await asyncio.sleep(0)


def answer_held(served: Served) -> None:
    for deferred, response in served.held:
        deferred.resolve(response)
