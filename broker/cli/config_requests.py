"""Settings of resources, asked for and altered over the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from broker.cli.client import Client, check
from broker.cli.connection import Connection
from protocol.config_numbers import AlterOperation, ConfigSource, ConfigType, ResourceType
from protocol.messages.describe_configs import (
    DescribeConfigsRequest,
    DescribeConfigsResource,
    DescribeConfigsResourceResult,
    DescribeConfigsResponse,
)
from protocol.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
)

SOURCES: Mapping[int, str] = {
    ConfigSource.UNKNOWN: "unknown",
    ConfigSource.TOPIC: "topic",
    ConfigSource.DYNAMIC_BROKER: "broker, at run time",
    ConfigSource.DYNAMIC_DEFAULT_BROKER: "all brokers, at run time",
    ConfigSource.STATIC_BROKER: "broker",
    ConfigSource.DEFAULT: "default",
    ConfigSource.BROKER_LOGGER: "logger",
    ConfigSource.CLIENT_METRICS: "client metrics",
    ConfigSource.GROUP: "group",
}
TYPES: Mapping[int, str] = {number: number.name.lower() for number in ConfigType}


@dataclass(slots=True)
class Alterations:
    """What is to change on one resource."""

    set: Mapping[str, str] = field(default_factory=dict)
    delete: list[str] = field(default_factory=list)
    append: Mapping[str, str] = field(default_factory=dict)
    subtract: Mapping[str, str] = field(default_factory=dict)

    def entries(self) -> list[AlterableConfig]:
        changes = [
            AlterableConfig(name=name, config_operation=operation, value=value)
            for operation, values in (
                (AlterOperation.SET, self.set),
                (AlterOperation.APPEND, self.append),
                (AlterOperation.SUBTRACT, self.subtract),
            )
            for name, value in values.items()
        ]
        deletions = [
            AlterableConfig(name=name, config_operation=AlterOperation.DELETE, value=None) for name in self.delete
        ]
        return changes + deletions


def describe_configs(
    client: Client, kind: ResourceType, name: str, *, keys: list[str] | None = None, documentation: bool = False
) -> list[DescribeConfigsResourceResult]:
    """The settings of one resource, by name, with synonyms."""
    request = DescribeConfigsRequest(
        resources=[DescribeConfigsResource(resource_type=kind, resource_name=name, configuration_keys=keys or None)],
        include_synonyms=True,
        include_documentation=documentation,
    )
    answer = client.attempt(lambda: _whom(client, kind, name).send(request, DescribeConfigsResponse))
    result = answer.results[0]
    check(result.error_code, result.error_message, about=about(kind, name))
    return sorted(result.configs, key=lambda config: config.name)


def alter_configs(
    client: Client, kind: ResourceType, name: str, alterations: Alterations, *, validate_only: bool
) -> None:
    """Alter settings of one resource; KafkaError if the broker refuses."""
    request = IncrementalAlterConfigsRequest(
        resources=[AlterConfigsResource(resource_type=kind, resource_name=name, configs=alterations.entries())],
        validate_only=validate_only,
    )
    answer = client.attempt(lambda: _whom(client, kind, name).send(request, IncrementalAlterConfigsResponse))
    result = answer.responses[0]
    check(result.error_code, result.error_message, about=about(kind, name))


def about(kind: ResourceType, name: str) -> str:
    return f"{kind.name.lower().replace('_', ' ')} {name}" if name else "all brokers"


def _whom(client: Client, kind: ResourceType, name: str) -> Connection:
    """A broker answers for itself; anything else any broker knows."""
    if kind in (ResourceType.BROKER, ResourceType.BROKER_LOGGER) and name.isdigit():
        return client.broker(int(name))
    return client.any()
