"""LeaveGroup (API key 13), versions 0–5: members leave, or an administrator removes them.

v3 removes many members at once, static ones by their instance id (KIP-345), v4 is flexible, v5 adds a reason (KIP-800).
"""

from __future__ import annotations

from broker.handlers.services import Services
from broker.request import RequestContext
from protocol.messages.leave_group import LeaveGroupRequest, LeaveGroupResponse, MemberIdentity

NOT_IMPLEMENTED: tuple[str, ...] = ()

BATCH_MIN_VERSION = 3


async def handle(services: Services, context: RequestContext, request: LeaveGroupRequest) -> LeaveGroupResponse:
    if context.api_version >= BATCH_MIN_VERSION:
        return await services.groups.leave_group(request)
    request.members = [MemberIdentity(member_id=request.member_id)]
    response = await services.groups.leave_group(request)
    if response.members:
        response.error_code = response.members[0].error_code
        response.members = []
    return response
