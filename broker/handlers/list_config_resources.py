"""ListConfigResources (API key 74), versions 0–1: the resources that have settings.

v0 was ListClientMetricsResources and lists those alone; v1 lists any type (KIP-1142): no types asked for means
all.

Not implemented:
- client metrics subscriptions and settings of groups: there are none yet, so none is listed.
"""

from __future__ import annotations

from broker.handlers.services import Services
from broker.request import RequestContext
from protocol.config_numbers import ResourceType
from protocol.errors import ErrorCode
from protocol.messages.list_config_resources import (
    ConfigResource,
    ListConfigResourcesRequest,
    ListConfigResourcesResponse,
)

ANY_TYPE_MIN_VERSION = 1


def handle(
    services: Services, context: RequestContext, request: ListConfigResourcesRequest
) -> ListConfigResourcesResponse:
    if context.api_version < ANY_TYPE_MIN_VERSION:
        return ListConfigResourcesResponse()
    wanted = frozenset(request.resource_types or ResourceType)
    if not wanted <= frozenset(ResourceType):
        return ListConfigResourcesResponse(error_code=ErrorCode.UNSUPPORTED_VERSION)
    image = services.metadata.image
    resources = []
    if ResourceType.TOPIC in wanted:
        resources += [(ResourceType.TOPIC, name) for name in sorted(image.topics_by_name)]
    nodes = [str(node_id) for node_id in sorted(image.brokers)]
    for kind in (ResourceType.BROKER, ResourceType.BROKER_LOGGER):
        if kind in wanted:
            resources += [(kind, name) for name in nodes]
    return ListConfigResourcesResponse(
        config_resources=[ConfigResource(resource_name=name, resource_type=kind) for kind, name in resources]
    )
