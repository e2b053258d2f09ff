"""The handlers of the group APIs on a coordinator in memory: asked and answering as over the wire."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from broker.groups import OFFSETS_TOPIC
from broker.handlers import (
    delete_groups,
    describe_groups,
    find_coordinator,
    heartbeat,
    join_group,
    leave_group,
    list_groups,
    offset_commit,
    offset_delete,
    offset_fetch,
    sync_group,
)
from broker.metadata import BrokerRegistration, MetadataImage, PartitionImage, TopicImage
from groups_harness import GroupWorld
from protocol import decode, encode
from protocol.api_keys import ApiKey
from protocol.errors import KafkaError
from protocol.messages import REQUESTS, RESPONSES

ORDERS_ID, NO_SUCH_ID = b"\x01" * 16, b"\x09" * 16
HANDLERS: dict[ApiKey, Any] = {
    ApiKey.FIND_COORDINATOR: find_coordinator,
    ApiKey.JOIN_GROUP: join_group,
    ApiKey.SYNC_GROUP: sync_group,
    ApiKey.HEARTBEAT: heartbeat,
    ApiKey.LEAVE_GROUP: leave_group,
    ApiKey.OFFSET_COMMIT: offset_commit,
    ApiKey.OFFSET_FETCH: offset_fetch,
    ApiKey.OFFSET_DELETE: offset_delete,
    ApiKey.DESCRIBE_GROUPS: describe_groups,
    ApiKey.LIST_GROUPS: list_groups,
    ApiKey.DELETE_GROUPS: delete_groups,
}


def topic(name: str, topic_id: bytes, count: int, leader: int = 1) -> TopicImage:
    partitions = tuple(PartitionImage(index, replicas=(1,), isr=(1,), leader=leader) for index in range(count))
    return TopicImage(name, topic_id, partitions)


class InternalTopics:
    """Creates what is asked for, or refuses."""

    def __init__(self, image: MetadataImage) -> None:
        self.image = image
        self.refusal: KafkaError | None = None
        self.asked_for: list[str] = []

    async def ensure_internal_topic(self, name: str) -> TopicImage:
        self.asked_for.append(name)
        if self.refusal is not None:
            raise self.refusal
        return self.image.topics_by_name[name]


class HandlerNode:
    """Of the node's services those that group handlers ask."""

    def __init__(self) -> None:
        self.world = GroupWorld()
        self.use_image(leader=1)

    def use_image(self, leader: int) -> None:
        topics = [topic("orders", ORDERS_ID, 2), topic(OFFSETS_TOPIC, b"\x02" * 16, 1, leader)]
        endpoints = {"PLAINTEXT": ("inside", 9092), "OUTSIDE": ("outside", 9192)}
        image = MetadataImage(
            brokers={1: BrokerRegistration(1, endpoints)},
            topics_by_name={topic.name: topic for topic in topics},
            topics_by_id={topic.topic_id: topic for topic in topics},
        )
        self.controller = InternalTopics(image)
        self.services: Any = SimpleNamespace(
            groups=self.world.coordinator, metadata=SimpleNamespace(image=image), controller=self.controller, node_id=1
        )

    def send(self, key: ApiKey, version: int, request: Any, *, listener: str = "PLAINTEXT") -> Any:
        """As over the wire: the request and its answer are what this version can carry."""
        received = decode(REQUESTS[key], version, encode(request, version))
        context = self.world.context(version)
        context.listener_name = listener
        response = self.world.ask(HANDLERS[key].handle(self.services, context, received)).response
        return decode(RESPONSES[key], version, encode(response, version))
