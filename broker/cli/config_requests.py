"""Settings of resources, asked for and altered over the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from broker.cli.client import Client, check
from broker.cli.connection import Connection
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


class ResourceType(IntEnum):
    TOPIC = 2
    BROKER = 4
    BROKER_LOGGER = 8
    CLIENT_METRICS = 16
    GROUP = 32


SET, DELETE, APPEND, SUBTRACT = range(4)

TOPIC_SOURCE = 1
SOURCES: Mapping[int, str] = {
    0: "unknown",
    TOPIC_SOURCE: "topic",
    2: "broker, at run time",
    3: "all brokers, at run time",
    4: "broker",
    5: "default",
    6: "logger",
    7: "client metrics",
    8: "group",
}
TYPES = ("unknown", "boolean", "string", "int", "short", "long", "double", "list", "class", "password")


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
            for operation, values in ((SET, self.set), (APPEND, self.append), (SUBTRACT, self.subtract))
            for name, value in values.items()
        ]
        deletions = [AlterableConfig(name=name, config_operation=DELETE, value=None) for name in self.delete]
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
