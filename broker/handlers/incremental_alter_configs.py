"""IncrementalAlterConfigs (API key 44), versions 0–1: set, delete, append to and subtract from single settings.

KIP-339; v1 is flexible. Each resource is taken or refused on its own. Broker loggers are Python's loggers.

Not implemented:
- settings of groups and of client metrics subscriptions: there are none yet, so those types are INVALID_REQUEST.
"""

from __future__ import annotations

from broker.config.alterations import (
    Alteration,
    Changes,
    apply_alterations,
    broker_definition,
    check_broker_changes,
    check_topic_changes,
)
from broker.config.logger_levels import alter_loggers, check_logger_alterations
from broker.config.topic_configs import topic_definition
from broker.handlers.config_resources import alter_each, check_alterable
from broker.handlers.forwarding import forwarded
from broker.handlers.services import Services
from broker.request import RequestContext
from protocol.config_numbers import ResourceType
from protocol.messages.incremental_alter_configs import (
    AlterConfigsResource,
    AlterConfigsResourceResponse,
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
)


async def handle(
    services: Services, context: RequestContext, request: IncrementalAlterConfigsRequest
) -> IncrementalAlterConfigsResponse:
    async def alter(resource: AlterConfigsResource) -> None:
        await _alter(services, resource, validate_only=request.validate_only)

    responses = await alter_each(request.resources, AlterConfigsResourceResponse, alter)
    return IncrementalAlterConfigsResponse(responses=responses)


async def handle_or_forward(
    services: Services, context: RequestContext, request: IncrementalAlterConfigsRequest
) -> IncrementalAlterConfigsResponse:
    """Log levels are this broker's own; everything else is for the controller."""
    loggers = [r for r in request.resources if r.resource_type == ResourceType.BROKER_LOGGER]
    if not loggers or services.controller.is_active:
        response: IncrementalAlterConfigsResponse = await _FORWARDED(services, context, request)
        return response
    here = await handle(
        services, context, IncrementalAlterConfigsRequest(resources=loggers, validate_only=request.validate_only)
    )
    others = [r for r in request.resources if r.resource_type != ResourceType.BROKER_LOGGER]
    if others:
        there = await _FORWARDED(
            services, context, IncrementalAlterConfigsRequest(resources=others, validate_only=request.validate_only)
        )
        here.responses += there.responses
    return here


_FORWARDED = forwarded(handle, IncrementalAlterConfigsResponse)


async def _alter(services: Services, resource: AlterConfigsResource, *, validate_only: bool) -> None:
    kind, name = resource.resource_type, resource.resource_name
    check_alterable(services, kind, name)
    alterations = [Alteration(config.name, config.config_operation, config.value) for config in resource.configs]
    if kind == ResourceType.BROKER_LOGGER:
        check_logger_alterations(alterations)
        if not validate_only:
            alter_loggers(alterations)
        return
    changes = _changes(services, kind, name, alterations)
    if changes and not validate_only:
        await services.controller.alter_configs([(kind, name, changes)])


def _changes(services: Services, kind: int, name: str, alterations: list[Alteration]) -> Changes:
    existing = services.controller.image.resource_configs(kind, name)
    if kind == ResourceType.TOPIC:
        return check_topic_changes(existing, apply_alterations(existing, alterations, topic_definition))
    changes = apply_alterations(existing, alterations, broker_definition)
    return check_broker_changes(services.config, existing, changes, for_all=not name)
