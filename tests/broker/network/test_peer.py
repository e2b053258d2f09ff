"""A connection to another node: pipelined, in order, and made again after it broke."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable

import pytest

from broker.network import PeerConnection, PeerUnreachable
from protocol import ErrorCode, encode
from protocol.api_keys import ApiKey, PrivateApiKey
from protocol.framing import frame
from protocol.headers import decode_request_header, response_header
from protocol.messages.api_versions import ApiVersion, ApiVersionsResponse, SupportedFeatureKey
from protocol.messages.controller import BrokerHeartbeatRequest, BrokerHeartbeatResponse
from protocol.messages.fetch import FetchRequest, FetchResponse
from protocol.messages.internal import RaftMessagesRequest

VERSION = 1


def speaking(**ranges: tuple[int, int]) -> ApiVersionsResponse:
    keys = {**ApiKey.__members__, **PrivateApiKey.__members__}
    return ApiVersionsResponse(
        api_keys=[ApiVersion(api_key=keys[n], min_version=low, max_version=high) for n, (low, high) in ranges.items()],
        supported_features=[SupportedFeatureKey(name="metadata.version", min_version=25, max_version=26)],
    )


SPOKEN = speaking(BROKER_HEARTBEAT=(0, 2), RAFT_MESSAGES=(0, 0))
FOR_EVER_MS = 60_000.0


class OtherSide:
    """A server that holds its answers back until it is told; what it speaks it says at once, if it knows to."""

    def __init__(self) -> None:
        self.speaks: ApiVersionsResponse | None = SPOKEN
        # From the second question on, if it is another.
        self.speaks_next: ApiVersionsResponse | None = None
        self.is_silent = False
        self.connections = 0
        self.versions: list[int] = []
        self.requests: list[tuple[int, int]] = []
        self.arrived = asyncio.Condition()
        self._writers: list[asyncio.StreamWriter] = []
        self.port = 0

    async def start(self, port: int = 0) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        self.connections += 1
        try:
            while True:
                (size,) = struct.unpack(">i", await reader.readexactly(4))
                header, _ = decode_request_header(memoryview(await reader.readexactly(size)))
                if header.api_key == ApiKey.API_VERSIONS:
                    if self.is_silent:
                        continue
                    if self.speaks is None:
                        self.speaks = self.speaks_next
                        writer.close()
                        continue
                    body = encode(self.speaks, header.api_version)
                    writer.write(frame(response_header(ApiKey.API_VERSIONS, 0, header.correlation_id), body))
                    continue
                async with self.arrived:
                    self.versions.append(header.api_version)
                    self.requests.append((header.api_key, header.correlation_id))
                    self.arrived.notify_all()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def wait_for(self, count: int) -> None:
        async with self.arrived:
            await self.arrived.wait_for(lambda: len(self.requests) >= count)

    def answer(self, place: int, code: ErrorCode = ErrorCode.NONE) -> None:
        key, correlation_id = self.requests[place]
        body = encode(BrokerHeartbeatResponse(error_code=code), VERSION)
        self._writers[-1].write(frame(response_header(key, VERSION, correlation_id), body))

    def say(self, data: bytes) -> None:
        self._writers[-1].write(data)

    async def hang_up(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def stop(self) -> None:
        self._server.close()
        await self.hang_up()


class World:
    def __init__(self) -> None:
        self.other = OtherSide()
        self.closed = 0
        self.peer = PeerConnection(
            lambda: ("127.0.0.1", self.other.port) if self.other.port else None,
            client_id="test",
            loop=asyncio.get_running_loop(),
            on_closed=self._count,
            chance=lambda: 0.0,
        )

    def _count(self) -> None:
        self.closed += 1

    def ask(self, timeout_ms: float = FOR_EVER_MS) -> asyncio.Task[BrokerHeartbeatResponse]:
        request = BrokerHeartbeatRequest(broker_id=1)
        return asyncio.create_task(
            self.peer.send(request, BrokerHeartbeatResponse, version=VERSION, timeout_ms=timeout_ms)
        )


def tell(story: Callable[[World], Awaitable[None]]) -> None:
    async def run() -> None:
        world = World()
        await world.other.start()
        try:
            async with asyncio.timeout(60):
                await story(world)
        finally:
            world.peer.close()
            await world.other.stop()

    asyncio.run(run())


def test_requests_are_pipelined_and_each_gets_its_own_answer() -> None:
    async def story(world: World) -> None:
        asked = [world.ask() for _ in range(3)]
        await world.other.wait_for(3)
        assert world.peer.is_connected
        for place, code in enumerate((ErrorCode.NONE, ErrorCode.STALE_BROKER_EPOCH, ErrorCode.NOT_CONTROLLER)):
            world.other.answer(place, code)
        assert [(await each).error_code for each in asked] == [0, 77, 41]

    tell(story)


def test_a_connection_that_ends_fails_all_that_is_under_way_and_is_made_again_for_the_next() -> None:
    async def story(world: World) -> None:
        asked = [world.ask() for _ in range(3)]
        await world.other.wait_for(3)
        await world.other.hang_up()
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [PeerUnreachable] * 3
        assert (world.closed, world.peer.is_connected) == (1, False)
        again = world.ask()
        await world.other.wait_for(4)
        world.other.answer(3)
        assert (await again).error_code == 0

    tell(story)


def test_a_request_that_is_not_answered_in_time_takes_the_connection_with_it() -> None:
    async def story(world: World) -> None:
        patient = world.ask()
        await world.other.wait_for(1)
        with pytest.raises(PeerUnreachable, match="no answer within 1 ms"):
            await world.ask(timeout_ms=1)
        with pytest.raises(PeerUnreachable):
            await patient
        assert world.closed == 1

    tell(story)


def test_an_answer_to_another_request_or_of_no_sense_ends_the_connection() -> None:
    async def story(world: World) -> None:
        for times, nonsense in enumerate((frame(struct.pack(">i", 4711)), b"\xff\xff\xff\xff", frame(b"\0")), 1):
            asked = world.ask()
            await world.other.wait_for(len(world.other.requests) + 1)
            world.other.say(nonsense)
            with pytest.raises(PeerUnreachable):
                await asked
            await world.peer.wait_closed()
            assert world.closed == times

    tell(story)


def test_whoever_cannot_be_reached_is_tried_again_at_every_request() -> None:
    async def story(world: World) -> None:
        port = world.other.port
        await world.other.stop()
        for _ in range(2):
            with pytest.raises(PeerUnreachable):
                await world.ask()
        assert world.closed == 0, "there was nothing to close"
        await world.other.start(port)
        asked = world.ask()
        await world.other.wait_for(1)
        world.other.answer(0)
        await asked

    tell(story)


def test_a_peer_without_an_address_cannot_be_reached() -> None:
    async def story(world: World) -> None:
        world.other.port = 0
        with pytest.raises(PeerUnreachable, match="address is not known"):
            await world.peer.connect()

    tell(story)


def test_one_way_messages_go_over_an_open_connection_only_and_their_answers_are_no_concern() -> None:
    async def story(world: World) -> None:
        message = RaftMessagesRequest(sender_id=1)
        assert not world.peer.post(message, version=0)
        await world.peer.connect()
        assert world.peer.post(message, version=0)
        asked = world.ask()
        await world.other.wait_for(2)
        world.other.say(frame(struct.pack(">i", world.other.requests[0][1]), b"whatever this is"))
        world.other.answer(1)
        assert (await asked).error_code == 0

    tell(story)


def test_what_is_closed_here_fails_what_is_under_way_and_tells_nobody() -> None:
    async def story(world: World) -> None:
        asked = world.ask()
        await world.other.wait_for(1)
        world.peer.close()
        with pytest.raises(PeerUnreachable):
            await asked
        with pytest.raises(PeerUnreachable):
            await world.peer.connect()
        assert world.closed == 0

    tell(story)


def test_a_request_goes_out_in_the_newest_version_that_both_sides_know() -> None:
    async def story(world: World) -> None:
        world.other.speaks = speaking(BROKER_HEARTBEAT=(0, 0))
        asked = world.ask()
        await world.other.wait_for(1)
        assert world.other.versions == [0]
        key, correlation_id = world.other.requests[0]
        world.other.say(frame(response_header(key, 0, correlation_id), encode(BrokerHeartbeatResponse(), 0)))
        assert (await asked).error_code == 0

    tell(story)


def test_a_node_with_which_there_is_no_common_version_is_refused_aloud_once(caplog: pytest.LogCaptureFixture) -> None:
    async def story(world: World) -> None:
        world.other.speaks = speaking(BROKER_HEARTBEAT=(5, 7))
        for _ in range(2):
            with pytest.raises(PeerUnreachable, match="takes BROKER_HEARTBEAT only in versions 5 to 7"):
                await world.ask()
        assert world.peer.is_connected, "about other things it can be talked to"
        assert not world.peer.post(RaftMessagesRequest(), version=0)

    tell(story)
    told = [record.getMessage() for record in caplog.records if record.name == "broker.network.peer_versions"]
    assert len(told) == 2
    assert told[0].endswith("this node speaks 0 to 1: upgrade this node first")
    assert told[1].endswith("takes RAFT_MESSAGES not at all, and this node speaks 0 to 0: upgrade that node first")


def test_a_node_that_hangs_up_at_the_question_is_spoken_to_as_before_there_was_one() -> None:
    async def story(world: World) -> None:
        world.other.speaks = None
        asked = world.ask()
        await world.other.wait_for(1)
        assert world.other.connections == 3
        assert world.peer.versions is not None and world.peer.versions.is_assumed
        world.other.answer(0)
        assert (await asked).error_code == 0

    tell(story)


def test_a_node_that_is_cut_off_at_the_question_is_asked_again() -> None:
    async def story(world: World) -> None:
        world.other.speaks = None
        world.other.speaks_next = SPOKEN
        await world.peer.connect()
        assert world.other.connections == 2
        assert world.peer.versions is not None and not world.peer.versions.is_assumed

    tell(story)


def test_what_a_node_is_assumed_not_to_take_is_not_believed_for_long() -> None:
    async def story(world: World) -> None:
        world.other.speaks = None
        await world.peer.connect()
        world.other.speaks = SPOKEN
        with pytest.raises(PeerUnreachable, match="takes FETCH not at all"):
            await world.peer.send(FetchRequest(), FetchResponse, version=17, timeout_ms=FOR_EVER_MS)
        await world.peer.wait_closed()
        await world.peer.connect()
        assert world.peer.versions is not None and not world.peer.versions.is_assumed

    tell(story)


def test_a_node_that_does_not_say_what_it_speaks_or_refuses_to_is_not_spoken_to() -> None:
    async def story(world: World) -> None:
        address = ("127.0.0.1", world.other.port)
        impatient = PeerConnection(
            lambda: address, client_id="test", loop=asyncio.get_running_loop(), question_timeout_s=0.01
        )
        world.other.is_silent = True
        with pytest.raises(PeerUnreachable, match="does not say what it speaks"):
            await impatient.connect()
        impatient.close()
        world.other.is_silent = False
        world.other.speaks = ApiVersionsResponse(error_code=ErrorCode.INVALID_REQUEST)
        with pytest.raises(PeerUnreachable, match="answers ApiVersions with INVALID_REQUEST"):
            await world.peer.connect()
        assert not world.peer.is_connected

    tell(story)


def test_what_a_node_supports_is_known_while_it_is_connected() -> None:
    async def story(world: World) -> None:
        assert world.peer.versions is None
        await world.peer.connect()
        assert world.peer.versions is not None
        assert world.peer.versions.features == {"metadata.version": (25, 26)}

    tell(story)
