"""Handlers that answer when the test says so, each kind of answer that there is: now, later, or by a task."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from broker.fetching import FetchWait
from broker.network import Api
from broker.request import CloseConnection, Deferred, RequestContext
from network_harness.served import Served, serve
from protocol.api_keys import ApiKey
from protocol.messages.api_versions import ApiVersionsRequest, ApiVersionsResponse
from protocol.messages.fetch import FetchRequest, FetchResponse
from protocol.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from protocol.messages.produce import ProduceRequest, ProduceResponse

# The short road of produce fails for this one.
BROKEN_CORRELATION_ID = 666


class OwedAnswers(Served):
    """What the handlers were asked, and the answers that the test still owes."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.produce: list[Deferred] = []
        self.heartbeat: list[asyncio.Future[HeartbeatResponse]] = []

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


def serve_owing(scenario: Callable[[OwedAnswers], Awaitable[None]]) -> None:
    serve(OwedAnswers(), scenario)
