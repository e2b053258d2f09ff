"""A connection over a real socket: order, limits, and what garbage does to it."""

from __future__ import annotations

import asyncio
import gc
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from broker.clock import SystemClock
from broker.end_of_turn import EndOfTurn
from broker.fetching import FetchWait
from broker.network import Api, Dispatcher, Listener, ListenerLimits
from broker.network.exchange import Exchange
from broker.network.flow_control import RequestBytes
from broker.request import CloseConnection, Deferred, RequestContext
from protocol import decode, encode
from protocol.api_keys import ApiKey
from protocol.errors import ErrorCode
from protocol.messages.api_versions import ApiVersionsRequest, ApiVersionsResponse
from protocol.messages.fetch import FetchRequest, FetchResponse
from protocol.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from protocol.messages.produce import ProduceRequest, ProduceResponse

LIMITS = ListenerLimits(
    frame_bytes_max=1 << 20, connections_max=4, connections_per_ip_max=3, connection_idle_ms_max=600_000
)

# The short road of produce fails for this one.
BROKEN_CORRELATION_ID = 666


class Served:
    """What the test's handlers were asked, and the answers that the test still owes."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.produce: list[Deferred] = []
        self.heartbeat: list[asyncio.Future[HeartbeatResponse]] = []
        self.held_bytes: Callable[[], int] = lambda: 0
        self.listener: Listener | None = None
        self.dispatcher: Dispatcher | None = None

    def handle_produce(self, services: object, context: RequestContext, request: ProduceRequest) -> Deferred:
        self.asked.append(f"produce {context.correlation_id}")
        if request.acks == 0:
            raise CloseConnection("refused")
        self.produce.append(Deferred())
        return self.produce[-1]

    def begin_produce(self, services: object, *request: Any) -> None:
        if request[2] == BROKEN_CORRELATION_ID:
            raise ZeroDivisionError("a fault of ours")

    async def handle_heartbeat(
        self, services: object, context: RequestContext, request: HeartbeatRequest
    ) -> HeartbeatResponse:
        self.asked.append(f"heartbeat {context.correlation_id}")
        if request.group_id == "broken":
            raise ZeroDivisionError("a fault of ours")
        self.heartbeat.append(asyncio.get_running_loop().create_future())
        return await self.heartbeat[-1]

    def handle_fetch(self, services: object, context: RequestContext, request: Any) -> FetchWait:
        self.asked.append(f"fetch {context.correlation_id}")
        loop = asyncio.get_running_loop()
        return FetchWait([], available_bytes=0, min_bytes=1, max_wait_ms=600_000, answer=FetchResponse, loop=loop)

    def handle_api_versions(self, services: object, context: RequestContext, request: Any) -> ApiVersionsResponse:
        self.asked.append(f"api_versions {context.correlation_id}")
        return ApiVersionsResponse()

    def apis(self) -> dict[int, Api]:
        return {
            0: Api(ApiKey.PRODUCE, 3, 8, ProduceRequest, ProduceResponse, self.handle_produce, self.begin_produce),
            1: Api(ApiKey.FETCH, 4, 4, FetchRequest, FetchResponse, self.handle_fetch),
            12: Api(ApiKey.HEARTBEAT, 0, 4, HeartbeatRequest, HeartbeatResponse, self.handle_heartbeat),
            18: Api(ApiKey.API_VERSIONS, 0, 3, ApiVersionsRequest, ApiVersionsResponse, self.handle_api_versions),
        }


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


Scenario = Callable[[Served, Callable[[], Awaitable[Client]]], Awaitable[None]]


def serve(scenario: Scenario) -> None:
    """Run `scenario` against a listener on a free port; it may open as many clients as it likes."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        served = Served()
        dispatcher = Dispatcher(served.apis(), None, clock=SystemClock(), loop=loop, end_of_turn=EndOfTurn(loop))
        served.held_bytes = lambda: dispatcher.request_bytes.held_bytes
        listener = Listener("PLAINTEXT", "127.0.0.1", 0, dispatcher=dispatcher, limits=LIMITS, loop=loop)
        await listener.bind()
        await listener.start()
        served.listener, served.dispatcher = listener, dispatcher
        clients: list[Client] = []

        async def connect() -> Client:
            clients.append(Client(*await asyncio.open_connection("127.0.0.1", listener.port)))
            return clients[-1]

        await scenario(served, connect)
        for client in clients:
            client.writer.close()
        await listener.stop()

    asyncio.run(run())


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until something the test caused has happened; the test's own timeout is the limit."""
    while not condition():  # noqa: ASYNC110 - nothing else would tell
        await asyncio.sleep(0)


async def until_waiting(served: Served, count: int) -> None:
    """Until `count` frames wait behind the requests before them."""
    assert served.listener is not None
    connections = served.listener._connections
    await until(lambda: sum(len(connection._waiting) for connection in connections) == count)


def test_answers_leave_in_the_order_of_the_requests() -> None:
    async def scenario(served: Served, connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
        for correlation_id in (1, 2, 3):
            client.send_produce(correlation_id)
        await until(lambda: len(served.produce) == 3)
        for pending in reversed(served.produce):
            pending.resolve(ProduceResponse())
        assert [(await client.receive())[0] for _ in range(3)] == [1, 2, 3]

    serve(scenario)


def test_produce_requests_start_at_once_and_everything_else_waits_its_turn() -> None:
    async def scenario(served: Served, connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
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

    serve(scenario)


def test_an_answer_of_none_sends_nothing_and_keeps_the_order() -> None:
    async def scenario(served: Served, connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
        client.send_produce(1)
        client.send_produce(2)
        await until(lambda: len(served.produce) == 2)
        served.produce[0].resolve(None)
        served.produce[1].resolve(ProduceResponse())
        assert (await client.receive())[0] == 2

    serve(scenario)


def test_an_answer_that_hangs_up_does() -> None:
    async def scenario(served: Served, connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
        client.send_produce(1)
        await until(lambda: len(served.produce) == 1)
        served.produce[0].resolve(CloseConnection("a produce request with acks=0 failed"))
        assert await client.is_closed()
        await until(lambda: served.held_bytes() == 0)

    serve(scenario)


def half_and_rest(correlation_id: int) -> tuple[bytes, bytes]:
    """An ApiVersions request of a thousand bytes in two pieces."""
    frame = struct.pack(">ihhih", 1000, 18, 0, correlation_id, -1) + bytes(990)
    return frame[:600], frame[600:]


def test_half_requests_count_and_all_of_them_come_through_one_after_another() -> None:
    """They counted for their connection only: a thousand slow senders could hold any number of bytes."""

    async def scenario(served: Served, connect: Callable[[], Awaitable[Client]]) -> None:
        assert served.dispatcher is not None
        served.dispatcher.request_bytes = RequestBytes(1100, overdraft_bytes_max=500)
        slow = [await connect(), await connect()]
        for number, client in enumerate(slow):
            client.writer.write(half_and_rest(number)[0])
        await until(lambda: served.held_bytes() == 1200)
        third = await connect()
        third.send(18, 0, 7, b"")
        for number, client in enumerate(slow):
            client.writer.write(half_and_rest(number)[1])
        assert [(await client.receive())[0] for client in [*slow, third]] == [0, 1, 7]
        assert served.held_bytes() == 0

    serve(scenario)


def test_a_half_request_is_given_back_with_its_connection() -> None:
    async def scenario(served: Served, connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
        client.writer.write(half_and_rest(1)[0])
        await until(lambda: served.held_bytes() == 600)
        client.writer.close()
        await until(lambda: served.held_bytes() == 0)

    serve(scenario)


def test_who_is_let_through_and_does_not_come_to_an_end_is_closed(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(served: Served, connect: Callable[[], Awaitable[Client]]) -> None:
        assert served.dispatcher is not None
        served.dispatcher.request_bytes = RequestBytes(600)
        timers: list[tuple[Callable[..., object], tuple[object, ...]]] = []
        served.dispatcher.call_later = lambda delay, call, *arguments: timers.append((call, arguments))  # type: ignore[assignment]
        slow = await connect()
        slow.writer.write(half_and_rest(1)[0])
        await until(lambda: bool(timers))
        other = await connect()
        other.send(18, 0, 7, b"")
        call, arguments = timers[0]
        call(*arguments)
        assert await slow.is_closed()
        assert (await other.receive())[0] == 7

    serve(scenario)
    assert "did not arrive within" in caplog.text


def test_frames_may_arrive_in_any_pieces() -> None:
    async def scenario(served: Served, connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
        raw = struct.pack(">ihhih", 10, 18, 0, 7, -1) * 3
        for byte in raw:
            client.writer.write(bytes([byte]))
            await client.writer.drain()
        assert [(await client.receive())[0] for _ in range(3)] == [7, 7, 7]

    serve(scenario)


@pytest.mark.parametrize("size", [2**31 - 1, LIMITS.frame_bytes_max + 1, 0, 7, -5])
def test_a_length_outside_the_limits_closes_the_connection(size: int) -> None:
    async def scenario(served: Served, connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
        client.writer.write(struct.pack(">i", size))
        assert await client.is_closed()

    serve(scenario)


def test_a_body_that_does_not_decode_closes_the_connection_and_no_other() -> None:
    async def scenario(served: Served, connect: Callable[[], Awaitable[Client]]) -> None:
        bystander, client = await connect(), await connect()
        client.send(12, 0, 1, b"\x7f\xff garbage")
        assert await client.is_closed()
        bystander.send(18, 0, 9, b"")
        assert (await bystander.receive())[0] == 9

    serve(scenario)


def test_an_unknown_version_of_api_versions_is_answered_in_v0_with_the_range() -> None:
    """KIP-511: the client learns at once what to ask with."""

    async def scenario(served: Served, connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
        client.send(18, 99, 5, b"what v99 looks like, nobody knows", flexible=True)
        correlation_id, body = await client.receive()
        response = decode(ApiVersionsResponse, 0, body)
        assert correlation_id == 5
        assert response.error_code == ErrorCode.UNSUPPORTED_VERSION
        assert [(api.api_key, api.min_version, api.max_version) for api in response.api_keys] == [(18, 0, 3)]

    serve(scenario)


def test_an_unknown_version_of_another_api_is_answered_with_its_error() -> None:
    async def scenario(served: Served, connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
        client.send(12, 9, 6, b"", flexible=True)
        correlation_id, body = await client.receive()
        assert correlation_id == 6
        assert decode(HeartbeatResponse, 4, body[1:]).error_code == ErrorCode.UNSUPPORTED_VERSION

    serve(scenario)


def test_an_api_that_is_not_served_closes_the_connection() -> None:
    async def scenario(served: Served, connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
        client.send(52, 0, 1, b"")
        assert await client.is_closed()

    serve(scenario)


def test_a_fault_of_ours_is_unknown_server_error_and_never_success() -> None:
    async def scenario(served: Served, connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
        client.send_heartbeat(4, "broken")
        _, body = await client.receive()
        assert decode(HeartbeatResponse, 0, body).error_code == ErrorCode.UNKNOWN_SERVER_ERROR

    serve(scenario)


def test_a_handler_may_hang_up() -> None:
    """The only answer to a refused produce with acks=0."""

    async def scenario(served: Served, connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
        client.send_produce(1, acks=0)
        assert await client.is_closed()

    serve(scenario)


def test_connections_above_the_limit_of_an_address_are_refused() -> None:
    async def scenario(served: Served, connect: Callable[[], Awaitable[Client]]) -> None:
        admitted = [await connect() for _ in range(LIMITS.connections_per_ip_max)]
        for client in admitted:
            client.send(18, 0, 1, b"")
            await client.receive()
        refused = await connect()
        assert await refused.is_closed()
        admitted[0].writer.close()
        await admitted[0].reader.read()
        again = await connect()
        again.send(18, 0, 2, b"")
        assert (await again.receive())[0] == 2

    serve(scenario)


def test_a_listener_that_stops_answers_what_it_read_and_reads_no_more() -> None:
    """A client that never pauses once held the whole drain timeout: its next request always kept it busy."""

    async def scenario(served: Served, connect: Callable[[], Awaitable[Client]]) -> None:
        busy, idle = await connect(), await connect()
        busy.send_heartbeat(1)
        idle.send_produce(1)
        await until(lambda: len(served.heartbeat) == 1 and len(served.produce) == 1)
        served.produce[0].resolve(ProduceResponse())
        await idle.receive()
        assert served.listener is not None
        stopping = asyncio.ensure_future(served.listener.stop())
        assert await idle.is_closed()
        busy.send_heartbeat(2)
        served.heartbeat[0].set_result(HeartbeatResponse())
        assert (await busy.receive())[0] == 1
        await stopping
        assert served.asked.count("heartbeat 2") == 0

    serve(scenario)


def test_a_client_that_leaves_while_its_fetch_waits_leaves_nothing_behind() -> None:
    """Bytes taken for a request and never given back add up until the node reads from nobody any more."""

    async def scenario(served: Served, connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
        client.send(1, 4, 1, encode(FetchRequest(), 4))
        client.send_produce(2)
        await until(lambda: len(served.produce) == 1)
        assert served.dispatcher is not None
        request_bytes = served.dispatcher.request_bytes
        assert request_bytes.held_bytes > 0
        client.writer.close()
        served.produce[0].resolve(ProduceResponse())
        await until(lambda: request_bytes.held_bytes == 0)

    serve(scenario)


def test_a_fetch_that_waited_leaves_nothing_to_the_collector_of_garbage() -> None:
    """What is left in circles adds up to a look at 50,000 objects, which stops the loop for tens of milliseconds."""

    async def scenario(served: Served, connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
        client.send(1, 4, 1, encode(FetchRequest(), 4))
        await until(lambda: served.asked == ["fetch 1"])
        assert served.listener is not None
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
        serve(scenario)
    finally:
        gc.enable()


def test_bytes_behind_a_request_are_ignored() -> None:
    """As in Kafka. librdkafka 2.16 asks for all topics by Metadata v9 and newer with three bytes too many, and got its
    connection closed for it, again and again."""

    async def scenario(served: Served, connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
        client.send(12, 0, 1, encode(HeartbeatRequest(group_id="g"), 0) + b"\0\0\0")
        await until(lambda: len(served.heartbeat) == 1)
        served.heartbeat[0].set_result(HeartbeatResponse())
        assert (await client.receive())[0] == 1

    serve(scenario)


def test_tagged_fields_of_a_request_header_are_passed_over() -> None:
    """Header v2 (KIP-482): a newer client may send tags that we do not know."""

    async def scenario(served: Served, connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
        tags = b"\x02" + b"\x05\x03abc" + b"\x63\x00"
        body = encode(HeartbeatRequest(group_id="g"), 4)
        header = struct.pack(">hhih", 12, 4, 8, 2) + b"me" + tags
        client.writer.write(struct.pack(">i", len(header) + len(body)) + header + body)
        await until(lambda: len(served.heartbeat) == 1)
        served.heartbeat[0].set_result(HeartbeatResponse())
        correlation_id, answer = await client.receive()
        assert (correlation_id, answer[0]) == (8, 0)

    serve(scenario)


@pytest.mark.parametrize("key", [-1, 5000])
def test_a_key_that_no_api_has_closes_the_connection(key: int) -> None:
    async def scenario(served: Served, connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
        client.send(key, 0, 1, b"")
        assert await client.is_closed()

    serve(scenario)


def test_requests_of_a_client_that_is_gone_hold_no_bytes() -> None:
    """A fetch that waits is abandoned and never answered: its bytes were never given back, and after enough of them
    the node took itself for full."""

    async def scenario(served: Served, connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
        client.send_produce(1)
        client.send_produce(2)
        await until(lambda: len(served.produce) == 2)
        assert served.held_bytes() > 0

        client.writer.close()
        await until(lambda: served.held_bytes() == 0)

        # One that is answered late, into the void, gives nothing back twice.
        served.produce[0].resolve(ProduceResponse())
        other = await connect()
        other.send(18, 0, 9, b"")
        assert (await other.receive())[0] == 9
        assert served.held_bytes() == 0

    serve(scenario)


def test_a_fault_of_ours_behind_an_answer_costs_no_other_connection_its_answers() -> None:
    """It broke off the sending of the answers of that turn, and the connections behind it never sent anything again."""

    async def scenario(served: Served, connect: Callable[[], Awaitable[Client]]) -> None:
        broken, bystander = await connect(), await connect()
        broken.send_heartbeat(1)
        bystander.send_heartbeat(2)
        await until(lambda: len(served.heartbeat) == 2)
        broken.send_produce(BROKEN_CORRELATION_ID)
        broken.send(18, 0, 3, b"")
        await until_waiting(served, 2)
        for pending in served.heartbeat:
            pending.set_result(HeartbeatResponse())
        assert (await bystander.receive())[0] == 2
        bystander.send(18, 0, 4, b"")
        assert (await bystander.receive())[0] == 4
        assert (await broken.receive())[0] == 1
        assert await broken.is_closed()

    serve(scenario)


def test_a_client_id_that_is_no_text_closes_the_connection_on_the_short_road_too() -> None:
    async def scenario(served: Served, connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
        client.send_produce(1)
        await until(lambda: len(served.produce) == 1)
        header = struct.pack(">hhih", 0, 3, 2, 2) + b"\xff\xfe"
        body = encode(ProduceRequest(acks=1), 3)
        client.writer.write(struct.pack(">i", len(header) + len(body)) + header + body)
        assert await client.is_closed()

    serve(scenario)
