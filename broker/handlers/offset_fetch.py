"""OffsetFetch (API key 9), versions 0–10: how far groups have read.

v2 asks for all topics with null and adds an error for the whole (KIP-88), v5 adds the leader epoch (KIP-320), v6 is
flexible, v7 can insist on stable offsets (KIP-447), v8 asks for many groups at once (KIP-709), v9 may come from a
member of a consumer group (KIP-848), v10 names topics by id (KIP-516).

Kafka without ZooKeeper refuses v0; here it is answered as v1 is.

Not implemented:
- pending offsets of open transactions: there are none yet, so that every offset is stable (require_stable).
"""

from __future__ import annotations

import asyncio

from broker.handlers.services import Services
from broker.metadata import MetadataImage
from broker.request import RequestContext
from protocol.errors import ErrorCode
from protocol.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopics,
    OffsetFetchResponse,
    OffsetFetchResponseGroup,
    OffsetFetchResponsePartition,
    OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
)
from protocol.primitives import ZERO_UUID

NOT_IMPLEMENTED = ("pending offsets of transactions",)

TOP_LEVEL_ERROR_MIN_VERSION = 2
GROUPS_MIN_VERSION = 8
TOPIC_ID_MIN_VERSION = 10


async def handle(services: Services, context: RequestContext, request: OffsetFetchRequest) -> OffsetFetchResponse:
    version = context.api_version
    if version < GROUPS_MIN_VERSION:
        return await _fetch_one(services, version, request)
    fetching = [_fetch(services, version, group, request.require_stable) for group in request.groups]
    return OffsetFetchResponse(groups=await asyncio.gather(*fetching))


async def _fetch(
    services: Services, version: int, group: OffsetFetchRequestGroup, require_stable: bool
) -> OffsetFetchResponseGroup:
    image = services.metadata.image
    unknown: list[OffsetFetchResponseTopics] = []
    if group.topics is not None:
        unknown = _resolve(image, version, group)
    response = await services.groups.fetch_offsets(group, require_stable=require_stable)
    if response.error_code:
        return response
    if group.topics is None and version >= TOPIC_ID_MIN_VERSION:
        response.topics = _with_ids(services.metadata.image, response.topics)
    response.topics += unknown
    return response


def _resolve(image: MetadataImage, version: int, group: OffsetFetchRequestGroup) -> list[OffsetFetchResponseTopics]:
    """Give each topic both its name and its id; takes out, and answers, those whose id nobody knows."""
    assert group.topics is not None
    known, unknown = [], []
    for topic in group.topics:
        by_id = version >= TOPIC_ID_MIN_VERSION
        found = image.topics_by_id.get(topic.topic_id) if by_id else image.topics_by_name.get(topic.name)
        if found is not None:
            topic.name, topic.topic_id = found.name, found.topic_id
            known.append(topic)
        elif by_id:
            unknown.append(_unknown_id(topic))
        else:
            # By name even a topic that is gone may have offsets, until its deletion has come round.
            known.append(topic)
    group.topics = known
    return unknown


def _unknown_id(topic: OffsetFetchRequestTopics) -> OffsetFetchResponseTopics:
    return OffsetFetchResponseTopics(
        topic_id=topic.topic_id,
        partitions=[
            OffsetFetchResponsePartitions(
                partition_index=index, committed_offset=-1, error_code=ErrorCode.UNKNOWN_TOPIC_ID
            )
            for index in topic.partition_indexes
        ],
    )


def _with_ids(image: MetadataImage, topics: list[OffsetFetchResponseTopics]) -> list[OffsetFetchResponseTopics]:
    """All topics of a group for a client that speaks in ids: one without an id cannot be named."""
    for topic in topics:
        found = image.topics_by_name.get(topic.name)
        topic.topic_id = ZERO_UUID if found is None else found.topic_id
    return [topic for topic in topics if topic.topic_id != ZERO_UUID]


# --- v0–v7: one group ----------------------------------------------------------------------------------------------


async def _fetch_one(services: Services, version: int, request: OffsetFetchRequest) -> OffsetFetchResponse:
    asked = request.topics
    group = OffsetFetchRequestGroup(group_id=request.group_id, topics=None)
    if asked is not None:
        group.topics = [
            OffsetFetchRequestTopics(name=topic.name, partition_indexes=topic.partition_indexes) for topic in asked
        ]
    fetched = await _fetch(services, version, group, request.require_stable)
    topics = [
        OffsetFetchResponseTopic(name=topic.name, partitions=[_as_before_v8(p) for p in topic.partitions])
        for topic in fetched.topics
    ]
    if fetched.error_code and version < TOP_LEVEL_ERROR_MIN_VERSION:
        # These versions have no place for it but each partition.
        topics = [
            OffsetFetchResponseTopic(
                name=topic.name,
                partitions=[_refused(index, fetched.error_code) for index in topic.partition_indexes],
            )
            for topic in asked or []
        ]
    return OffsetFetchResponse(error_code=fetched.error_code, topics=topics)


def _as_before_v8(partition: OffsetFetchResponsePartitions) -> OffsetFetchResponsePartition:
    return OffsetFetchResponsePartition(
        partition_index=partition.partition_index,
        committed_offset=partition.committed_offset,
        committed_leader_epoch=partition.committed_leader_epoch,
        metadata=partition.metadata,
        error_code=partition.error_code,
    )


def _refused(index: int, code: int) -> OffsetFetchResponsePartition:
    return OffsetFetchResponsePartition(partition_index=index, committed_offset=-1, error_code=code)
