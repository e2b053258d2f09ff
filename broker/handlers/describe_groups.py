"""DescribeGroups (API key 15), versions 0–6: the state and the members of groups.

v3 adds authorized operations (KIP-430), v4 instance ids (KIP-345), v5 is flexible, v6 answers GROUP_ID_NOT_FOUND where
older versions only say that the group is Dead (KIP-1043).
"""

from __future__ import annotations

from broker.handlers.services import Services
from broker.request import RequestContext
from protocol.errors import ErrorCode
from protocol.messages.describe_groups import DescribeGroupsRequest, DescribeGroupsResponse

NOT_IMPLEMENTED: tuple[str, ...] = ()

NOT_FOUND_MIN_VERSION = 6
DEAD = "Dead"

# ACL operations by number: READ 3, DELETE 6, DESCRIBE 8, DESCRIBE_CONFIGS 10, ALTER_CONFIGS 11. Without an authorizer
# everybody may do all that apply to groups.
GROUP_OPERATIONS = sum(1 << operation for operation in (3, 6, 8, 10, 11))


async def handle(services: Services, context: RequestContext, request: DescribeGroupsRequest) -> DescribeGroupsResponse:
    described = await services.groups.describe_groups(request.groups)
    for group in described:
        if context.api_version >= NOT_FOUND_MIN_VERSION and group.group_state == DEAD:
            group.error_code = ErrorCode.GROUP_ID_NOT_FOUND
            group.error_message = f"Group {group.group_id} not found."
        if request.include_authorized_operations and not group.error_code:
            group.authorized_operations = GROUP_OPERATIONS
    return DescribeGroupsResponse(groups=described)
