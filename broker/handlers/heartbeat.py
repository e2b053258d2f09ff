"""Heartbeat (API key 12), versions 0–4: a member is alive, and hears whether a rebalance has begun.

v3 adds static members (KIP-345), v4 is flexible.
"""

from __future__ import annotations

from broker.handlers.services import Services
from broker.request import RequestContext
from protocol.messages.heartbeat import HeartbeatRequest, HeartbeatResponse

NOT_IMPLEMENTED: tuple[str, ...] = ()


async def handle(services: Services, context: RequestContext, request: HeartbeatRequest) -> HeartbeatResponse:
    return await services.groups.heartbeat(request)
