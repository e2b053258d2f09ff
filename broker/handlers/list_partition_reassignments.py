"""ListPartitionReassignments (API key 46), version 0: which partitions are on their way to other brokers (KIP-455)."""

from __future__ import annotations

from collections.abc import Iterable

from broker.handlers.services import Services
from broker.metadata import PartitionImage, TopicImage
from broker.request import RequestContext
from protocol.messages.reassignments import (
    ListPartitionReassignmentsRequest,
    ListPartitionReassignmentsResponse,
    OngoingPartitionReassignment,
    OngoingTopicReassignment,
)

NOT_IMPLEMENTED: tuple[str, ...] = ()


def handle(
    services: Services, context: RequestContext, request: ListPartitionReassignmentsRequest
) -> ListPartitionReassignmentsResponse:
    topics = services.metadata.image.topics_by_name
    response = ListPartitionReassignmentsResponse(error_message=None)
    if request.topics is None:
        for topic in topics.values():
            _list(response, topic, topic.partitions)
        return response
    for asked in request.topics:
        found = topics.get(asked.name)
        if found is not None:
            wanted = set(asked.partition_indexes)
            _list(response, found, (p for p in found.partitions if p.partition in wanted))
    return response


def _list(
    response: ListPartitionReassignmentsResponse, topic: TopicImage, partitions: Iterable[PartitionImage]
) -> None:
    moving = [
        OngoingPartitionReassignment(
            partition_index=partition.partition,
            replicas=list(partition.replicas),
            adding_replicas=list(partition.adding_replicas),
            removing_replicas=list(partition.removing_replicas),
        )
        for partition in partitions
        if partition.adding_replicas or partition.removing_replicas
    ]
    if moving:
        response.topics.append(OngoingTopicReassignment(name=topic.name, partitions=moving))
