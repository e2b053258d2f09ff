"""DeleteRecords (API key 21), versions 0–2: move the start of a log. v2 is flexible (KIP-107, KIP-482).

The answer comes when the new start is durable on every replica that is alive: deleted records do not come back, neither
after a crash nor with another leader. With `flush=os`, which keeps no journal, a start is durable from the next
checkpoint on (log.flush.offset.checkpoint.interval.ms), as always in Kafka; a kill before it brings the records back.
"""

from __future__ import annotations

import asyncio

from broker.handlers.locating import find_by_name
from broker.handlers.services import Services
from broker.metadata import is_internal
from broker.request import RequestContext
from protocol.errors import ErrorCode, KafkaError
from protocol.messages.delete_records import (
    DeleteRecordsPartition,
    DeleteRecordsPartitionResult,
    DeleteRecordsRequest,
    DeleteRecordsResponse,
    DeleteRecordsTopic,
    DeleteRecordsTopicResult,
)


async def handle(services: Services, context: RequestContext, request: DeleteRecordsRequest) -> DeleteRecordsResponse:
    results = await asyncio.gather(*(_topic(services, topic, request.timeout_ms) for topic in request.topics))
    return DeleteRecordsResponse(topics=list(results))


async def _topic(services: Services, topic: DeleteRecordsTopic, timeout_ms: int) -> DeleteRecordsTopicResult:
    results = await asyncio.gather(*(_partition(services, topic.name, asked, timeout_ms) for asked in topic.partitions))
    return DeleteRecordsTopicResult(name=topic.name, partitions=list(results))


async def _partition(
    services: Services, topic: str, asked: DeleteRecordsPartition, timeout_ms: int
) -> DeleteRecordsPartitionResult:
    result = DeleteRecordsPartitionResult(partition_index=asked.partition_index, low_watermark=-1)
    try:
        if is_internal(topic):
            raise KafkaError(ErrorCode.INVALID_TOPIC_EXCEPTION, f"{topic} is internal: its records are the broker's")
        partition = find_by_name(services, topic, asked.partition_index)
        if "delete" not in partition.log.config.cleanup_policy:
            # As in Kafka: a log that is only compacted has no records to delete by offset.
            raise KafkaError(ErrorCode.POLICY_VIOLATION, f"cleanup.policy of {topic} does not include delete")
        result.low_watermark = await partition.log_starts.delete_records_before(asked.offset, timeout_ms=timeout_ms)
    except KafkaError as error:
        result.error_code = error.code
    return result
