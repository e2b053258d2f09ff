"""AlterConfigs (API key 33), versions 0–2: replace all settings of topics and brokers. v2 is flexible.

Whatever the request does not name goes back to its default; clients since 2.3 use IncrementalAlterConfigs instead
(KIP-339). Each resource is taken or refused on its own.

Not implemented:
- settings of groups and of client metrics subscriptions: there are none yet, so those types are INVALID_REQUEST.
"""

from __future__ import annotations

from broker.config.alterations import Changes, check_broker_changes, check_topic_changes, replace_all
from broker.handlers.config_resources import alter_each, check_alterable
from broker.handlers.services import Services
from broker.request import RequestContext
from protocol.config_numbers import ResourceType
from protocol.errors import ErrorCode, KafkaError
from protocol.messages.alter_configs import (
    AlterConfigsRequest,
    AlterConfigsResource,
    AlterConfigsResourceResponse,
    AlterConfigsResponse,
)


async def handle(services: Services, context: RequestContext, request: AlterConfigsRequest) -> AlterConfigsResponse:
    async def alter(resource: AlterConfigsResource) -> None:
        changes = _changes(services, resource)
        if changes and not request.validate_only:
            await services.controller.alter_configs([(resource.resource_type, resource.resource_name, changes)])

    return AlterConfigsResponse(responses=await alter_each(request.resources, AlterConfigsResourceResponse, alter))


def _changes(services: Services, resource: AlterConfigsResource) -> Changes:
    """What must change for the resource to have exactly the settings asked for; KafkaError if that may not be."""
    kind, name = resource.resource_type, resource.resource_name
    if kind == ResourceType.BROKER_LOGGER:
        raise KafkaError(ErrorCode.INVALID_REQUEST, "log levels are altered by IncrementalAlterConfigs alone")
    check_alterable(services, kind, name)
    existing = services.controller.image.resource_configs(kind, name)
    changes = replace_all(existing, {config.name: config.value for config in resource.configs})
    if kind == ResourceType.TOPIC:
        return check_topic_changes(existing, changes)
    return check_broker_changes(services.config, existing, changes, for_all=not name)
