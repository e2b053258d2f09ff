"""What this broker itself wants of a controller that may be elsewhere: topics that are missing, and producer ids."""

from __future__ import annotations

from typing import Protocol

from broker.cluster import ControllerChannel, Forwarder
from broker.controller.topics import NewTopic
from broker.metadata import MetadataPublisher
from broker.request import RequestContext
from protocol.api_keys import ApiKey
from protocol.errors import ErrorCode, KafkaError
from protocol.messages.controller import AllocateProducerIdsRequest, AllocateProducerIdsResponse
from protocol.messages.create_topics import (
    CreatableTopic,
    CreatableTopicConfig,
    CreateTopicsRequest,
    CreateTopicsResponse,
)

CREATE_TOPICS_VERSION = 7
ALLOCATE_PRODUCER_IDS_VERSION = 0
TIMEOUT_MS = 10_000


class RemoteController(Protocol):
    async def create_topic(self, topic: NewTopic) -> None:
        """Return when the topic is in this broker's image; one that exists already will do. Raises KafkaError."""
        ...

    async def allocate_producer_ids(self) -> tuple[int, int]:
        """A block of ids for this broker: the first, and the one behind the last. Raises KafkaError."""
        ...


class ControllerElsewhere:
    """Implements `RemoteController` over the channel."""

    def __init__(
        self, *, node_id: int, forwarder: Forwarder, channel: ControllerChannel, publisher: MetadataPublisher
    ) -> None:
        self._node_id = node_id
        self._forwarder = forwarder
        self._channel = channel
        self._publisher = publisher

    async def create_topic(self, topic: NewTopic) -> None:
        context = RequestContext(
            ApiKey.CREATE_TOPICS, CREATE_TOPICS_VERSION, 0, f"broker-{self._node_id}", "", "", principal="User:BROKER"
        )
        wanted = CreatableTopic(
            name=topic.name,
            num_partitions=topic.num_partitions,
            replication_factor=topic.replication_factor,
            configs=[CreatableTopicConfig(name=name, value=value) for name, value in topic.configs.items()],
        )
        request = CreateTopicsRequest(topics=[wanted], timeout_ms=TIMEOUT_MS)
        response = await self._forwarder.forward(context, request, CreateTopicsResponse, timeout_ms=TIMEOUT_MS)
        result = response.topics[0]
        if result.error_code not in (ErrorCode.NONE, ErrorCode.TOPIC_ALREADY_EXISTS):
            raise KafkaError(ErrorCode(result.error_code), result.error_message or "")

    async def allocate_producer_ids(self) -> tuple[int, int]:
        broker = self._publisher.image.brokers.get(self._node_id)
        epoch = -1 if broker is None else broker.broker_epoch
        request = AllocateProducerIdsRequest(broker_id=self._node_id, broker_epoch=epoch)
        answer = await self._channel.send(
            request, AllocateProducerIdsResponse, version=ALLOCATE_PRODUCER_IDS_VERSION, timeout_ms=TIMEOUT_MS
        )
        if answer.error_code:
            raise KafkaError(ErrorCode(answer.error_code), "the controller gave no producer ids")
        return answer.producer_id_start, answer.producer_id_start + answer.producer_id_len
