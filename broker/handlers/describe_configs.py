"""DescribeConfigs (API key 32), versions 0–4: the settings of topics and brokers, and where each value is from.

v1 adds sources and synonyms (KIP-226), v3 types and documentation (KIP-569), v4 is flexible. A sensitive value is
null.

Not implemented:
- settings of groups and of client metrics subscriptions: there are none yet, so those types are INVALID_REQUEST.
"""

from __future__ import annotations

from collections.abc import Sequence

from broker.config import DescribedConfig, describe_broker, describe_cluster_default, describe_topic
from broker.config.logger_levels import describe_loggers
from broker.handlers.config_resources import (
    check_resource,
    effective_config,
)
from broker.handlers.services import Services
from broker.request import RequestContext
from protocol.config_numbers import ConfigSource, ResourceType
from protocol.errors import ErrorCode, KafkaError
from protocol.messages.describe_configs import (
    DescribeConfigsRequest,
    DescribeConfigsResource,
    DescribeConfigsResourceResult,
    DescribeConfigsResponse,
    DescribeConfigsResult,
    DescribeConfigsSynonym,
)


def handle(services: Services, context: RequestContext, request: DescribeConfigsRequest) -> DescribeConfigsResponse:
    return DescribeConfigsResponse(results=[_describe(services, resource, request) for resource in request.resources])


def _describe(
    services: Services, resource: DescribeConfigsResource, request: DescribeConfigsRequest
) -> DescribeConfigsResult:
    result = DescribeConfigsResult(
        error_message=None, resource_type=resource.resource_type, resource_name=resource.resource_name
    )
    try:
        check_resource(services, resource.resource_type, resource.resource_name)
    except KafkaError as error:
        result.error_code, result.error_message = error.code, error.message
        return result
    # Null and empty both mean all, as in Kafka.
    wanted = frozenset(resource.configuration_keys or ())
    result.configs = [
        _entry(config, resource.resource_type, request)
        for config in _configs(services, resource)
        if not wanted or config.name in wanted
    ]
    assert result.error_code == ErrorCode.NONE, result
    return result


def _configs(services: Services, resource: DescribeConfigsResource) -> Sequence[DescribedConfig]:
    if resource.resource_type == ResourceType.BROKER_LOGGER:
        return describe_loggers()
    config = effective_config(services)
    if resource.resource_type == ResourceType.TOPIC:
        return describe_topic(config, services.metadata.image.topic_configs(resource.resource_name))
    return describe_broker(config) if resource.resource_name else describe_cluster_default(config)


def _entry(
    config: DescribedConfig, resource_type: int, request: DescribeConfigsRequest
) -> DescribeConfigsResourceResult:
    synonyms = config.synonyms if request.include_synonyms else ()
    if resource_type == ResourceType.TOPIC:
        is_default = config.source is not ConfigSource.TOPIC
    else:
        is_default = config.source is ConfigSource.DEFAULT
    return DescribeConfigsResourceResult(
        name=config.name,
        value=None if config.definition.sensitive else config.value,
        read_only=config.read_only,
        is_default=is_default,
        config_source=config.source,
        is_sensitive=config.definition.sensitive,
        synonyms=[
            DescribeConfigsSynonym(name=synonym.name, value=synonym.value, source=synonym.source)
            for synonym in synonyms
        ],
        config_type=config.definition.type,
        documentation=config.definition.doc if request.include_documentation else None,
    )
