"""Metadata (API key 3), versions 0–13: the brokers, and topics with their partitions and leaders.

v0 asks for all topics with an empty list, v1 with null. v1 adds the controller, racks and internal topics, v2 the
cluster id, v4 lets a client forbid auto-creation (KIP-204), v5 adds offline replicas (KIP-112), v7 leader epochs
(KIP-320), v8 authorized operations (KIP-430), v9 is flexible, v10 adds topic ids, which v12 can ask by (KIP-516),
v11 leaves the cluster's operations to DescribeCluster (KIP-700), v13 has an error for the whole (KIP-1102).

Where Kafka answers LEADER_NOT_AVAILABLE until an auto-created topic has come round, this waits for the creation and
answers with the leader: a client's first metadata request is its last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from broker.handlers.cluster_view import (
    CLUSTER_OPERATIONS,
    OPERATIONS_NOT_ASKED,
    TOPIC_OPERATIONS,
    ListenerView,
    listener_view,
)
from broker.handlers.services import Services
from broker.metadata import PartitionImage, TopicImage, is_internal, topic_name_problem
from broker.request import RequestContext
from protocol.errors import ErrorCode, KafkaError
from protocol.messages.metadata import (
    MetadataRequest,
    MetadataRequestTopic,
    MetadataResponse,
    MetadataResponseBroker,
    MetadataResponsePartition,
    MetadataResponseTopic,
)
from protocol.primitives import ZERO_UUID

NOT_IMPLEMENTED: tuple[str, ...] = ()

ALL_TOPICS_BY_NULL_MIN_VERSION = 1
AUTO_CREATION_CHOICE_MIN_VERSION = 4
LISTENER_ERROR_MIN_VERSION = 6
TOPIC_ID_REQUEST_MIN_VERSION = 12
TOP_LEVEL_ERROR_MIN_VERSION = 13

# Refusals by name, of topics that could not be created.
Refusals = Mapping[str, ErrorCode]


def handle(
    services: Services, context: RequestContext, request: MetadataRequest
) -> MetadataResponse | Coroutine[Any, Any, MetadataResponse]:
    if _is_malformed(context.api_version, request.topics or []):
        return _refusal(services, context, request)
    missing = _to_create(services, context.api_version, request)
    if missing:
        return _create_then_answer(services, context, request, missing)
    return _answer(services, context, request, {})


def _is_malformed(version: int, topics: Sequence[MetadataRequestTopic]) -> bool:
    """KIP-516: the fields for ids exist from v10 on, but only v12 gives them a meaning."""
    if version < TOPIC_ID_REQUEST_MIN_VERSION:
        return any(topic.name is None or topic.topic_id != ZERO_UUID for topic in topics)
    return any(topic.name is None and topic.topic_id == ZERO_UUID for topic in topics)


def _refusal(services: Services, context: RequestContext, request: MetadataRequest) -> MetadataResponse:
    code = ErrorCode.INVALID_REQUEST
    response = MetadataResponse(cluster_id=services.cluster_id)
    if context.api_version >= TOP_LEVEL_ERROR_MIN_VERSION:
        response.error_code = code
    for topic in request.topics or []:
        response.topics.append(MetadataResponseTopic(error_code=code, name=topic.name or "", topic_id=topic.topic_id))
    return response


# --- auto-creation ---------------------------------------------------------------------------------------------


def _to_create(services: Services, version: int, request: MetadataRequest) -> list[str]:
    if not services.config.auto_create_topics_enable or not request.topics:
        return []
    if version >= AUTO_CREATION_CHOICE_MIN_VERSION and not request.allow_auto_topic_creation:
        return []
    known = services.metadata.image.topics_by_name
    names = {
        topic.name: None
        for topic in request.topics
        if topic.name is not None and topic.topic_id == ZERO_UUID and topic.name not in known
    }
    return list(names)


async def _create_then_answer(
    services: Services, context: RequestContext, request: MetadataRequest, missing: list[str]
) -> MetadataResponse:
    # Together: their proposals go into one commit.
    codes = await asyncio.gather(*(_create(services, name) for name in missing))
    refusals = {name: code for name, code in zip(missing, codes, strict=True) if code is not ErrorCode.NONE}
    return _answer(services, context, request, refusals)


async def _create(services: Services, name: str) -> ErrorCode:
    try:
        await services.controller.auto_create_topic(name)
    except KafkaError as error:
        # What a client of Metadata knows to wait for is a leader that is not there yet.
        if error.code in (ErrorCode.NOT_CONTROLLER, ErrorCode.REQUEST_TIMED_OUT):
            return ErrorCode.LEADER_NOT_AVAILABLE
        return error.code
    return ErrorCode.NONE


# --- the answer ------------------------------------------------------------------------------------------------


def _answer(
    services: Services, context: RequestContext, request: MetadataRequest, refusals: Refusals
) -> MetadataResponse:
    image = services.metadata.image
    view = listener_view(services, context.listener_name)
    response = MetadataResponse(
        cluster_id=services.cluster_id, controller_id=view.controller_id(services.controller.leader_id)
    )
    for node_id, (host, port) in view.endpoints.items():
        rack = image.brokers[node_id].rack
        response.brokers.append(MetadataResponseBroker(node_id=node_id, host=host, port=port, rack=rack))
    if request.include_cluster_authorized_operations:
        response.cluster_authorized_operations = CLUSTER_OPERATIONS
    operations = TOPIC_OPERATIONS if request.include_topic_authorized_operations else OPERATIONS_NOT_ASKED
    version = context.api_version
    topics = request.topics
    if topics is None or (not topics and version < ALL_TOPICS_BY_NULL_MIN_VERSION):
        response.topics = [_topic(view, version, t, operations) for t in image.topics_by_name.values()]
        return response
    seen: set[str | bytes] = set()
    for asked in topics:
        key = asked.topic_id if asked.topic_id != ZERO_UUID else asked.name
        assert key is not None, "a topic without name and id is refused before"
        if key in seen:
            continue
        seen.add(key)
        response.topics.append(_asked_topic(services, view, version, key, operations, refusals))
    return response


def _asked_topic(
    services: Services,
    view: ListenerView,
    version: int,
    key: str | bytes,
    operations: int,
    refusals: Refusals,
) -> MetadataResponseTopic:
    image = services.metadata.image
    if isinstance(key, bytes):
        found = image.topics_by_id.get(key)
        if found is None:
            return MetadataResponseTopic(error_code=ErrorCode.UNKNOWN_TOPIC_ID, name=None, topic_id=key)
        return _topic(view, version, found, operations)
    topic = image.topics_by_name.get(key)
    if topic is not None:
        return _topic(view, version, topic, operations)
    code = refusals.get(key, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    if topic_name_problem(key) is not None:
        code = ErrorCode.INVALID_TOPIC_EXCEPTION
    return MetadataResponseTopic(error_code=code, name=key, is_internal=is_internal(key))


def _topic(view: ListenerView, version: int, topic: TopicImage, operations: int) -> MetadataResponseTopic:
    return MetadataResponseTopic(
        name=topic.name,
        topic_id=topic.topic_id,
        is_internal=topic.internal,
        partitions=[_partition(view, version, partition) for partition in topic.partitions],
        topic_authorized_operations=operations,
    )


def _partition(view: ListenerView, version: int, partition: PartitionImage) -> MetadataResponsePartition:
    seen = view.partition(partition)
    error = seen.error
    replicas, isr = list(partition.replicas), list(partition.isr)
    if error is ErrorCode.LISTENER_NOT_FOUND and version < LISTENER_ERROR_MIN_VERSION:
        error = ErrorCode.LEADER_NOT_AVAILABLE
    if version == 0 and seen.offline_replicas:
        # v0 has no place for offline replicas: it leaves them out and says so by an error.
        replicas = [node_id for node_id in replicas if node_id not in seen.offline_replicas]
        isr = [node_id for node_id in isr if node_id not in seen.offline_replicas]
        if error is ErrorCode.NONE:
            error = ErrorCode.REPLICA_NOT_AVAILABLE
    return MetadataResponsePartition(
        error_code=error,
        partition_index=partition.partition,
        leader_id=seen.leader,
        leader_epoch=partition.leader_epoch,
        replica_nodes=replicas,
        isr_nodes=isr,
        offline_replicas=seen.offline_replicas,
    )
