"""OffsetForLeaderEpoch (API key 23), versions 0–4: where a leader epoch ended, so that a reader finds where it parted.

v1 answers with the epoch it found (KIP-279), v2 fences by the reader's current epoch (KIP-320), v3 tells consumers
from replicas, v4 is flexible.
"""

from __future__ import annotations

import logging

from broker.handlers.locating import find_by_name
from broker.handlers.services import Services
from broker.request import RequestContext
from protocol.errors import ErrorCode, KafkaError
from protocol.messages.offset_for_leader_epoch import (
    EpochEndOffset,
    OffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse,
    OffsetForLeaderPartition,
    OffsetForLeaderTopicResult,
)
from wal import StorageError

logger = logging.getLogger(__name__)


def handle(
    services: Services, context: RequestContext, request: OffsetForLeaderEpochRequest
) -> OffsetForLeaderEpochResponse:
    response = OffsetForLeaderEpochResponse()
    for topic in request.topics:
        result = OffsetForLeaderTopicResult(topic=topic.topic)
        result.partitions = [_end_offset(services, topic.topic, asked) for asked in topic.partitions]
        response.topics.append(result)
    return response


def _end_offset(services: Services, topic: str, asked: OffsetForLeaderPartition) -> EpochEndOffset:
    answer = EpochEndOffset(partition=asked.partition)
    try:
        partition = find_by_name(services, topic, asked.partition)
        error = partition.check_leader(asked.current_leader_epoch)
    except KafkaError as absent:
        error = absent.code
    if error is not ErrorCode.NONE:
        answer.error_code = error
        return answer
    log = partition.log
    # The leader answers for its current epoch with the high watermark's safe side: its log end offset (KIP-279).
    try:
        epochs = log.leader_epochs
    except StorageError as error:
        logger.error("cannot read the leader epochs of %s: %s", partition, error)
        answer.error_code = ErrorCode.KAFKA_STORAGE_ERROR
        return answer
    answer.leader_epoch, answer.end_offset = epochs.end_offset_for(asked.leader_epoch, log.log_end_offset)
    return answer
