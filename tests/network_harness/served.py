"""A listener on a free port, and clients that speak raw frames to it.

class Echo(Served):
    def apis(self) -> dict[int, Api]: ...

async def scenario(served: Echo) -> None:
    client = await served.connect()
    client.send(18, 0, 1, b"")
    assert (await client.receive())[0] == 1

serve(Echo(), scenario)
"""

from __future__ import annotations

import asyncio
import struct
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import TypeVar

from broker.clock import SystemClock
from broker.end_of_turn import EndOfTurn
from broker.network import Api, Dispatcher, Listener, ListenerLimits
from protocol import encode
from protocol.messages.heartbeat import HeartbeatRequest
from protocol.messages.produce import ProduceRequest

LIMITS = ListenerLimits(
    frame_bytes_max=16 << 20, connections_max=4, connections_per_ip_max=3, connection_idle_ms_max=600_000
)

NewLoop = Callable[[], asyncio.AbstractEventLoop]


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, key: int, version: int, correlation_id: int, body: bytes, *, flexible: bool = False) -> None:
        header = struct.pack(">hhih", key, version, correlation_id, -1) + (b"\0" if flexible else b"")
        self.writer.write(struct.pack(">i", len(header) + len(body)) + header + body)

    def send_produce(self, correlation_id: int, *, acks: int = 1) -> None:
        self.send(0, 3, correlation_id, encode(ProduceRequest(acks=acks), 3))

    def send_heartbeat(self, correlation_id: int, group_id: str = "g") -> None:
        self.send(12, 0, correlation_id, encode(HeartbeatRequest(group_id=group_id), 0))

    async def receive(self) -> tuple[int, bytes]:
        (size,) = struct.unpack(">i", await self.reader.readexactly(4))
        frame = await self.reader.readexactly(size)
        return struct.unpack_from(">i", frame)[0], frame[4:]

    async def is_closed(self) -> bool:
        return await self.reader.read() == b""


class Served(ABC):
    """What is served, and to whom; `serve` gives it its dispatcher and its listener."""

    dispatcher: Dispatcher
    listener: Listener

    def __init__(self) -> None:
        self.clients: list[Client] = []

    @abstractmethod
    def apis(self) -> dict[int, Api]: ...

    @property
    def held_bytes(self) -> int:
        return self.dispatcher.request_bytes.held_bytes

    async def connect(self) -> Client:
        self.clients.append(Client(*await asyncio.open_connection("127.0.0.1", self.listener.port)))
        return self.clients[-1]

    async def until_held(self, size_bytes: int) -> None:
        """Until requests hold so much."""
        await until(lambda: self.held_bytes == size_bytes)

    async def until_waiting(self, count: int) -> None:
        """Until `count` frames wait behind the requests before them."""
        connections = self.listener._connections
        await until(lambda: sum(len(connection._waiting) for connection in connections) == count)


S = TypeVar("S", bound=Served)


def serve(served: S, scenario: Callable[[S], Awaitable[None]], *, new_loop: NewLoop = asyncio.new_event_loop) -> None:
    """Run `scenario` against a listener; it may open as many clients as it likes."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        served.dispatcher = dispatcher = Dispatcher(
            served.apis(), None, clock=SystemClock(), loop=loop, end_of_turn=EndOfTurn(loop)
        )
        served.listener = Listener("PLAINTEXT", "127.0.0.1", 0, dispatcher=dispatcher, limits=LIMITS, loop=loop)
        await served.listener.bind()
        await served.listener.start()
        await scenario(served)
        for client in served.clients:
            client.writer.close()
        await served.listener.stop()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(run())


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until something the test caused has happened; the test's own timeout is the limit."""
    while not condition():  # noqa: ASYNC110 - nothing else would tell
        await asyncio.sleep(0)
