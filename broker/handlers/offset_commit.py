"""OffsetCommit (API key 8), versions 0–10: a group writes down how far it has read.

v1 adds the member and its generation, and a timestamp for each offset, v2 takes that back for one retention time, v5
drops it (KIP-211), v6 adds the leader epoch (KIP-320), v7 static members (KIP-345), v8 is flexible, v9 may commit with
a member epoch (KIP-848), v10 names topics by id (KIP-516).

Kafka without ZooKeeper refuses v0; here it commits without a member, as v1 with generation -1 does.
"""

from __future__ import annotations

from broker.handlers.services import Services
from broker.metadata import MetadataImage
from broker.request import RequestContext
from protocol.errors import ErrorCode
from protocol.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestTopic,
    OffsetCommitResponse,
    OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
)

NOT_IMPLEMENTED: tuple[str, ...] = ()

TOPIC_ID_MIN_VERSION = 10


async def handle(services: Services, context: RequestContext, request: OffsetCommitRequest) -> OffsetCommitResponse:
    """Partitions that do not exist are refused one by one; the coordinator gets the rest."""
    image = services.metadata.image
    asked = request.topics
    refused = [_check(image, context.api_version, topic) for topic in asked]
    request.topics = [
        OffsetCommitRequestTopic(
            name=topic.name,
            topic_id=topic.topic_id,
            partitions=[p for p in topic.partitions if p.partition_index not in codes],
        )
        for topic, codes in zip(asked, refused, strict=True)
    ]
    if any(topic.partitions for topic in request.topics):
        accepted = (await services.groups.commit_offsets(context, request)).topics
    else:
        accepted = [OffsetCommitResponseTopic() for _ in asked]
    return OffsetCommitResponse(
        topics=[_merge(topic, codes, answered) for topic, codes, answered in zip(asked, refused, accepted, strict=True)]
    )


def _check(image: MetadataImage, version: int, topic: OffsetCommitRequestTopic) -> dict[int, ErrorCode]:
    """The partitions of `topic` that do not exist, and sets its name where the client gave an id."""
    if version >= TOPIC_ID_MIN_VERSION:
        known = image.topics_by_id.get(topic.topic_id)
        unknown_topic = ErrorCode.UNKNOWN_TOPIC_ID
        topic.name = "" if known is None else known.name
    else:
        known = image.topics_by_name.get(topic.name)
        unknown_topic = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    if known is None:
        return {partition.partition_index: unknown_topic for partition in topic.partitions}
    count = len(known.partitions)
    return {
        partition.partition_index: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        for partition in topic.partitions
        if not 0 <= partition.partition_index < count
    }


def _merge(
    topic: OffsetCommitRequestTopic, refused: dict[int, ErrorCode], answered: OffsetCommitResponseTopic
) -> OffsetCommitResponseTopic:
    codes: dict[int, int] = {partition.partition_index: partition.error_code for partition in answered.partitions}
    codes.update(refused)
    return OffsetCommitResponseTopic(
        name=topic.name,
        topic_id=topic.topic_id,
        partitions=[
            OffsetCommitResponsePartition(
                partition_index=partition.partition_index, error_code=codes[partition.partition_index]
            )
            for partition in topic.partitions
        ],
    )
