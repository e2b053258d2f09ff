"""Links between simulated nodes: ordered while they hold, slow by chance, cut by the scenario."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from broker.network import PeerUnreachable
from protocol import decode, encode
from protocol.messages.fetch import FetchRequest, FetchResponse

if TYPE_CHECKING:
    from replication_harness.node import ReplicaNode

RECONNECT_MS = 20


class Link:
    """A follower's connection to a leader; implements `broker.replication.Peer`."""

    def __init__(self, source: ReplicaNode, target_id: int, client_id: str) -> None:
        self.source = source
        self.world = source.world
        self.target_id = target_id
        self.client_id = client_id
        self._under_way: list[asyncio.Future[FetchResponse]] = []
        # When the last message of each direction arrives: none overtakes it.
        self._arrival_ms = [0, 0]
        self._not_before_ms = 0
        self._serving: asyncio.Task[None] | None = None
        self._requests: asyncio.Queue[tuple[bytes, int, asyncio.Future[FetchResponse]]] = asyncio.Queue()
        self._closed = False
        self.answers = 0
        self.world.links.append(self)

    async def send(
        self, request: FetchRequest, response_type: type[FetchResponse], *, version: int, timeout_ms: float
    ) -> FetchResponse:
        if self.world.now_ms < self._not_before_ms:
            await asyncio.sleep((self._not_before_ms - self.world.now_ms) / 1000)
        target = self.world.nodes[self.target_id]
        if self._closed or not target.is_running or not self.world.connected(self.source.node_id, self.target_id):
            self._not_before_ms = self.world.now_ms + RECONNECT_MS
            raise PeerUnreachable("nobody there")
        future: asyncio.Future[FetchResponse] = self.world.loop.create_future()
        self._under_way.append(future)
        frame = encode(request, version)
        self._travel(0, lambda: target.serve(self, frame, version, future))
        return await future

    def _travel(self, direction: int, arrive: object) -> None:
        delay_ms = self.world.delay_ms()
        self._arrival_ms[direction] = max(self._arrival_ms[direction], self.world.now_ms + delay_ms)
        self.world.loop.call_at(self._arrival_ms[direction] / 1000, arrive)  # type: ignore[arg-type]

    def answer(self, response: FetchResponse, version: int, future: asyncio.Future[FetchResponse]) -> None:
        frame = encode(response, version)
        self.answers += 1

        def arrive() -> None:
            if not future.done() and self.source.is_running:
                self._under_way.remove(future)
                self.source.when_awake(
                    lambda: future.done() or future.set_result(decode(FetchResponse, version, frame))
                )

        self._travel(1, arrive)

    def break_off(self) -> None:
        """One of the two is gone, or the link was cut for long enough."""
        under_way, self._under_way = self._under_way, []
        self._not_before_ms = self.world.now_ms + RECONNECT_MS
        for future in under_way:
            if not future.done():
                future.set_exception(PeerUnreachable("the connection was closed"))

    def close(self) -> None:
        self._closed = True
        self.break_off()
