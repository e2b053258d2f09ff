"""SyncGroup (API key 14), versions 0–5: the leader brings the assignment, everyone takes theirs.

v3 adds static members (KIP-345), v4 is flexible, v5 repeats the protocol type and name in both directions (KIP-559).
"""

from __future__ import annotations

from broker.handlers.services import Services
from broker.request import RequestContext
from protocol.errors import ErrorCode
from protocol.messages.sync_group import SyncGroupRequest, SyncGroupResponse

NOT_IMPLEMENTED: tuple[str, ...] = ()

PROTOCOL_REQUIRED_MIN_VERSION = 5


async def handle(services: Services, context: RequestContext, request: SyncGroupRequest) -> SyncGroupResponse:
    missing = request.protocol_type is None or request.protocol_name is None
    if context.api_version >= PROTOCOL_REQUIRED_MIN_VERSION and missing:
        # The fields are nullable for old brokers' sake only: KIP-559 makes them mandatory.
        return SyncGroupResponse(error_code=ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
    return await services.groups.sync_group(request)
