"""DescribeTopicPartitions (API key 75), version 0: topics with their partitions, page by page (KIP-966).

Topics come in the order of their names. A page ends after `response_partition_limit` partitions, and its cursor says
where the next one begins.

Not implemented:
- eligible leader replicas: there are none, as a partition's last in-sync replica is never given up.
"""

from __future__ import annotations

from itertools import islice

from broker.handlers.cluster_view import TOPIC_OPERATIONS, ListenerView, listener_view
from broker.handlers.services import Services
from broker.metadata import PartitionImage, TopicImage, is_internal, topic_name_problem
from broker.request import RequestContext
from protocol.errors import ErrorCode
from protocol.messages.describe_topic_partitions import (
    Cursor,
    DescribeTopicPartitionsRequest,
    DescribeTopicPartitionsResponse,
    DescribeTopicPartitionsResponsePartition,
    DescribeTopicPartitionsResponseTopic,
)

NOT_IMPLEMENTED = ("eligible leader replicas (always empty)",)

# Kafka's max.request.partition.size.limit: no page is larger, whatever a client asks for.
PARTITIONS_PER_PAGE_MAX = 2000


def handle(
    services: Services, context: RequestContext, request: DescribeTopicPartitionsRequest
) -> DescribeTopicPartitionsResponse:
    image = services.metadata.image
    cursor = request.cursor
    first_topic = "" if cursor is None else cursor.topic_name
    asked = {topic.name for topic in request.topics}
    if cursor is not None and (cursor.partition_index < 0 or (asked and cursor.topic_name not in asked)):
        # The cursor is one that we gave for this very list, or it means nothing.
        return DescribeTopicPartitionsResponse(
            topics=[_refused_topic(name, ErrorCode.INVALID_REQUEST) for name in sorted(asked or {first_topic})]
        )
    view = listener_view(services, context.listener_name)
    response = DescribeTopicPartitionsResponse()
    remaining = max(min(request.response_partition_limit, PARTITIONS_PER_PAGE_MAX), 1)
    for name in sorted(name for name in asked or image.topics_by_name if name >= first_topic):
        if remaining <= 0:
            response.next_cursor = Cursor(topic_name=name, partition_index=0)
            break
        topic = image.topics_by_name.get(name)
        if topic is None:
            response.topics.append(_refused_topic(name, _why_missing(name)))
            continue
        start = cursor.partition_index if cursor is not None and name == first_topic else 0
        page = _topic(view, topic, start, remaining)
        response.topics.append(page)
        remaining -= len(page.partitions)
        if start + len(page.partitions) < len(topic.partitions):
            response.next_cursor = Cursor(topic_name=name, partition_index=start + len(page.partitions))
            break
    return response


def _why_missing(name: str) -> ErrorCode:
    if topic_name_problem(name) is not None:
        return ErrorCode.INVALID_TOPIC_EXCEPTION
    return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


def _refused_topic(name: str, code: ErrorCode) -> DescribeTopicPartitionsResponseTopic:
    return DescribeTopicPartitionsResponseTopic(error_code=code, name=name, is_internal=is_internal(name))


def _topic(view: ListenerView, topic: TopicImage, start: int, limit: int) -> DescribeTopicPartitionsResponseTopic:
    return DescribeTopicPartitionsResponseTopic(
        name=topic.name,
        topic_id=topic.topic_id,
        is_internal=topic.internal,
        partitions=[_partition(view, p) for p in islice(topic.partitions, start, start + limit)],
        topic_authorized_operations=TOPIC_OPERATIONS,
    )


def _partition(view: ListenerView, partition: PartitionImage) -> DescribeTopicPartitionsResponsePartition:
    seen = view.partition(partition)
    return DescribeTopicPartitionsResponsePartition(
        error_code=seen.error,
        partition_index=partition.partition,
        leader_id=seen.leader,
        leader_epoch=partition.leader_epoch,
        replica_nodes=list(partition.replicas),
        isr_nodes=list(partition.isr),
        eligible_leader_replicas=[],
        last_known_elr=[],
        offline_replicas=seen.offline_replicas,
    )
