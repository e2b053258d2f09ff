"""ListGroups (API key 16), versions 0–5: the groups this broker coordinates.

v3 is flexible, v4 adds states, as an answer and as a filter (KIP-518), v5 adds types (KIP-848).
"""

from __future__ import annotations

from broker.handlers.services import Services
from broker.request import RequestContext
from protocol.messages.list_groups import ListGroupsRequest, ListGroupsResponse

NOT_IMPLEMENTED: tuple[str, ...] = ()


async def handle(services: Services, context: RequestContext, request: ListGroupsRequest) -> ListGroupsResponse:
    return await services.groups.list_groups(request)
