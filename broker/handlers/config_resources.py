"""What the four config handlers share: which resource is meant, whether it exists, what is set on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

from broker.config import BrokerConfig
from broker.handlers.services import Services
from protocol.config_numbers import ResourceType
from protocol.errors import ErrorCode, KafkaError


class NamedResource(Protocol):
    resource_type: int
    resource_name: str


class ResourceAnswer(Protocol):
    error_code: int
    error_message: str | None


Resource = TypeVar("Resource", bound=NamedResource)
Answer = TypeVar("Answer", bound=ResourceAnswer)


async def alter_each(
    resources: Sequence[Resource], answer_of: Callable[..., Answer], alter: Callable[[Resource], Awaitable[Any]]
) -> list[Answer]:
    """An answer for each resource, which is altered or refused on its own; one that is named twice is refused."""
    named = Counter((resource.resource_type, resource.resource_name) for resource in resources)
    answers = []
    for resource in resources:
        kind, name = resource.resource_type, resource.resource_name
        answer = answer_of(error_message=None, resource_type=kind, resource_name=name)
        try:
            if named[kind, name] > 1:
                raise KafkaError(ErrorCode.INVALID_REQUEST, "a resource may be named once in a request")
            await alter(resource)
        except KafkaError as error:
            answer.error_code, answer.error_message = error.code, error.message
        answers.append(answer)
    return answers


def check_resource(services: Services, resource_type: int, name: str) -> None:
    """KafkaError if there is no such resource, or none whose settings this node can tell or alter."""
    match resource_type:
        case ResourceType.TOPIC:
            if not name:
                raise KafkaError(ErrorCode.INVALID_REQUEST, "a topic's settings need the topic's name")
            if services.metadata.image.topic(name) is None:
                raise KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"there is no topic {name}")
        case ResourceType.BROKER:
            if name:
                _check_node(services, name)
        case ResourceType.BROKER_LOGGER:
            _check_node(services, name)
        case _:
            raise KafkaError(ErrorCode.INVALID_REQUEST, f"resources of type {resource_type} have no settings here")


def check_alterable(services: Services, resource_type: int, name: str) -> None:
    """As `check_resource`, where the controller decides: for any broker of the cluster."""
    if resource_type != ResourceType.BROKER or not name or name == str(services.node_id):
        check_resource(services, resource_type, name)
    elif not any(name == str(node_id) for node_id in services.metadata.image.brokers):
        raise KafkaError(ErrorCode.INVALID_REQUEST, f"there is no broker {name!r}")


def _check_node(services: Services, name: str) -> None:
    if name != str(services.node_id):
        raise KafkaError(
            ErrorCode.INVALID_REQUEST, f"this is broker {services.node_id}, and the request is for broker {name!r}"
        )


def effective_config(services: Services) -> BrokerConfig:
    """This broker's config under everything altered at run time."""
    image = services.metadata.image
    return services.config.with_dynamic(
        default=image.default_broker_configs(), broker=image.broker_configs(services.node_id)
    )
