"""The cluster as one listener's clients see it: for Metadata, DescribeCluster and DescribeTopicPartitions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

from broker.handlers.services import Services
from broker.metadata import MetadataImage, PartitionImage
from protocol.errors import ErrorCode, KafkaError

T = TypeVar("T")

# "Not asked": authorized operations as a response carries them by default.
OPERATIONS_NOT_ASKED = -0x8000_0000

# ACL operations by number: READ 3, WRITE 4, CREATE 5, DELETE 6, ALTER 7, DESCRIBE 8, CLUSTER_ACTION 9,
# DESCRIBE_CONFIGS 10, ALTER_CONFIGS 11, IDEMPOTENT_WRITE 12. Without an authorizer everybody may do all that apply.
TOPIC_OPERATIONS = sum(1 << operation for operation in (3, 4, 5, 6, 7, 8, 10, 11))
CLUSTER_OPERATIONS = sum(1 << operation for operation in (5, 7, 8, 9, 10, 11, 12))


@dataclass(frozen=True, slots=True)
class PartitionView:
    """A partition for a client: `leader` is -1 where `error` says why there is none for it."""

    error: ErrorCode
    leader: int
    offline_replicas: list[int]


class ListenerView:
    """One image through one listener; made per request."""

    __slots__ = ("_away", "_endpoints", "_image")

    def __init__(self, image: MetadataImage, listener_name: str, *, away: int | None = None) -> None:
        """`away`: a broker that is fenced, though the image does not say so."""
        self._image = image
        self._away = away
        self._endpoints = {
            node_id: broker.endpoints[listener_name]
            for node_id, broker in image.brokers.items()
            if not broker.fenced and node_id != away and listener_name in broker.endpoints
        }

    @property
    def endpoints(self) -> dict[int, tuple[str, int]]:
        """(host, port) of every broker these clients can reach."""
        return self._endpoints

    def partition(self, partition: PartitionImage) -> PartitionView:
        endpoints = self._endpoints
        offline = [node_id for node_id in partition.replicas if node_id not in endpoints]
        if partition.leader in endpoints:
            return PartitionView(ErrorCode.NONE, partition.leader, offline)
        leader = self._image.brokers.get(partition.leader)
        if leader is None or leader.fenced or partition.leader == self._away:
            return PartitionView(ErrorCode.LEADER_NOT_AVAILABLE, -1, offline)
        return PartitionView(ErrorCode.LISTENER_NOT_FOUND, -1, offline)

    def controller_id(self, leader_id: int | None) -> int:
        """Where these clients send admin requests: the controller, or, where they cannot reach it, any broker."""
        if leader_id in self._endpoints:
            return leader_id
        return min(self._endpoints, default=-1)


def listener_view(services: Services, listener_name: str) -> ListenerView:
    away = services.node_id if services.is_cut_off else None
    return ListenerView(services.metadata.image, listener_name, away=away)


async def within(timeout_ms: int, change: Awaitable[T]) -> T:
    """The outcome of a change, or KafkaError REQUEST_TIMED_OUT: the change may still happen, as with Kafka."""
    try:
        async with asyncio.timeout(max(timeout_ms, 0) / 1000):
            return await change
    except TimeoutError:
        raise KafkaError(ErrorCode.REQUEST_TIMED_OUT, f"not done after {timeout_ms} ms; it may still happen") from None
