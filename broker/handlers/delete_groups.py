"""DeleteGroups (API key 42), versions 0–3: delete groups without members, and all their offsets (KIP-229).

v2 is flexible, v3 adds a message to each error.
"""

from __future__ import annotations

from broker.handlers.services import Services
from broker.request import RequestContext
from protocol.messages.delete_groups import DeleteGroupsRequest, DeleteGroupsResponse

NOT_IMPLEMENTED: tuple[str, ...] = ()


async def handle(services: Services, context: RequestContext, request: DeleteGroupsRequest) -> DeleteGroupsResponse:
    return DeleteGroupsResponse(results=await services.groups.delete_groups(request.groups_names))
