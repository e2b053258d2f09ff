"""JoinGroup (API key 11), versions 0–9: take part in a group's next generation.

v1 separates the rebalance timeout from the session's (KIP-62), v4 gives a new member its id first (KIP-394), v5 adds
static members (KIP-345), v6 is flexible, v7 repeats the protocol type and may leave the protocol null (KIP-559), v8
adds the client's reason (KIP-800), v9 tells a returning static leader to keep its assignment (KIP-814).
"""

from __future__ import annotations

from broker.handlers.services import Services
from broker.request import RequestContext
from protocol.messages.join_group import JoinGroupRequest, JoinGroupResponse

NOT_IMPLEMENTED: tuple[str, ...] = ()

REBALANCE_TIMEOUT_MIN_VERSION = 1
NULL_PROTOCOL_MIN_VERSION = 7


async def handle(services: Services, context: RequestContext, request: JoinGroupRequest) -> JoinGroupResponse:
    if context.api_version < REBALANCE_TIMEOUT_MIN_VERSION:
        request.rebalance_timeout_ms = request.session_timeout_ms
    response = await services.groups.join_group(context, request)
    if context.api_version < NULL_PROTOCOL_MIN_VERSION and response.protocol_name is None:
        response.protocol_name = ""
    return response
