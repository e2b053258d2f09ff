"""OffsetDelete (API key 47), version 0: an administrator deletes committed offsets of a group (KIP-496)."""

from __future__ import annotations

from broker.handlers.services import Services
from broker.request import RequestContext
from protocol.errors import ErrorCode
from protocol.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteRequestTopic,
    OffsetDeleteResponse,
    OffsetDeleteResponsePartition,
    OffsetDeleteResponseTopic,
)

NOT_IMPLEMENTED: tuple[str, ...] = ()


async def handle(services: Services, context: RequestContext, request: OffsetDeleteRequest) -> OffsetDeleteResponse:
    """Partitions that do not exist are refused one by one; the coordinator gets the rest."""
    image = services.metadata.image
    asked = request.topics
    request.topics = [
        OffsetDeleteRequestTopic(
            name=topic.name,
            partitions=[
                partition
                for partition in topic.partitions
                if image.partition(topic.name, partition.partition_index) is not None
            ],
        )
        for topic in asked
    ]
    response = await services.groups.delete_offsets(request)
    if response.error_code:
        return response
    response.topics = [_with_unknown(topic, answered) for topic, answered in zip(asked, response.topics, strict=True)]
    return response


def _with_unknown(topic: OffsetDeleteRequestTopic, answered: OffsetDeleteResponseTopic) -> OffsetDeleteResponseTopic:
    codes = {partition.partition_index: partition.error_code for partition in answered.partitions}
    return OffsetDeleteResponseTopic(
        name=topic.name,
        partitions=[
            OffsetDeleteResponsePartition(
                partition_index=partition.partition_index,
                error_code=codes.get(partition.partition_index, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
            )
            for partition in topic.partitions
        ],
    )
