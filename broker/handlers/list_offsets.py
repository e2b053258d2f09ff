"""ListOffsets (API key 2), versions 0–11: the offset at a time, and the special places of a log.

v0 lists several offsets, newest first. v1 answers one with its timestamp. v2 has isolation levels (KIP-98), v4 leader
epochs (KIP-320), v6 is flexible, v7 finds the maximum timestamp (KIP-734), v8 the earliest local offset (KIP-405),
v9 the latest tiered offset (KIP-1005), v10 a timeout (KIP-1075), v11 the earliest offset still to be tiered (KIP-1023).

Only the leader answers. One that was just elected does not know yet what its predecessor committed: until its high
watermark has reached the start of its epoch, OFFSET_NOT_AVAILABLE (v5, LEADER_NOT_AVAILABLE before) (KIP-207).

Nothing is tiered here: the earliest local offset is the log's start, and what asks for tiered offsets finds none (-1).
"""

from __future__ import annotations

import logging
from collections import Counter

from broker.handlers.locating import find_by_name
from broker.handlers.services import Services
from broker.partition import IsolationLevel, Partition
from broker.request import RequestContext
from protocol.errors import ErrorCode, KafkaError
from protocol.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsPartitionResponse,
    ListOffsetsRequest,
    ListOffsetsResponse,
    ListOffsetsTopicResponse,
)
from wal import StorageError

logger = logging.getLogger(__name__)

LATEST = -1
EARLIEST = -2
MAX_TIMESTAMP = -3
EARLIEST_LOCAL = -4
LATEST_TIERED = -5
EARLIEST_PENDING_UPLOAD = -6
# The first version that may ask for each special place; before it, a negative timestamp finds nothing.
MIN_VERSION_OF = {
    LATEST: 0,
    EARLIEST: 0,
    MAX_TIMESTAMP: 7,
    EARLIEST_LOCAL: 8,
    LATEST_TIERED: 9,
    EARLIEST_PENDING_UPLOAD: 11,
}
OFFSET_NOT_AVAILABLE_MIN_VERSION = 5
NOT_FOUND = (-1, -1, -1)

# (offset, timestamp, leader epoch)
Found = tuple[int, int, int]


def handle(services: Services, context: RequestContext, request: ListOffsetsRequest) -> ListOffsetsResponse:
    response = ListOffsetsResponse()
    isolation = IsolationLevel(1 if request.isolation_level == 1 else 0)
    for topic in request.topics:
        topic_response = ListOffsetsTopicResponse(name=topic.name)
        response.topics.append(topic_response)
        times_asked = Counter(asked.partition_index for asked in topic.partitions)
        for asked in topic.partitions:
            answer = ListOffsetsPartitionResponse(partition_index=asked.partition_index)
            topic_response.partitions.append(answer)
            try:
                if times_asked[asked.partition_index] > 1:
                    raise KafkaError(ErrorCode.INVALID_REQUEST, "one partition, asked for more than once")
                _answer(services, context.api_version, topic.name, asked, isolation, answer)
            except KafkaError as error:
                answer.error_code = error.code
            except StorageError as error:
                logger.error("cannot look for offsets in %s-%d: %s", topic.name, asked.partition_index, error)
                answer.error_code = ErrorCode.KAFKA_STORAGE_ERROR
    return response


def _answer(
    services: Services,
    version: int,
    topic: str,
    asked: ListOffsetsPartition,
    isolation: IsolationLevel,
    answer: ListOffsetsPartitionResponse,
) -> None:
    partition = find_by_name(services, topic, asked.partition_index)
    error = partition.check_leader(asked.current_leader_epoch)
    if error is not ErrorCode.NONE:
        raise KafkaError(error)
    if asked.timestamp < 0 and version < MIN_VERSION_OF.get(asked.timestamp, version + 1):
        raise KafkaError(ErrorCode.UNSUPPORTED_VERSION, f"timestamp {asked.timestamp} has no meaning in v{version}")
    if asked.timestamp != EARLIEST and not partition.knows_what_is_committed:
        new = version >= OFFSET_NOT_AVAILABLE_MIN_VERSION
        raise KafkaError(ErrorCode.OFFSET_NOT_AVAILABLE if new else ErrorCode.LEADER_NOT_AVAILABLE)
    if version == 0:
        answer.old_style_offsets = _old_style(partition, asked)
        return
    answer.offset, answer.timestamp, answer.leader_epoch = _find(partition, asked.timestamp, isolation)


def _find(partition: Partition, timestamp: int, isolation: IsolationLevel) -> Found:
    log = partition.log
    end_offset = partition.end_offset(isolation)
    if timestamp == LATEST:
        return end_offset, -1, partition.leader_epoch
    if timestamp in (EARLIEST, EARLIEST_LOCAL):
        return log.log_start_offset, -1, log.leader_epochs.epoch_of(log.log_start_offset)
    if timestamp in (LATEST_TIERED, EARLIEST_PENDING_UPLOAD):
        return NOT_FOUND
    if timestamp == MAX_TIMESTAMP:
        found = log.offset_of_max_timestamp(max_offset=end_offset)
    else:
        found = log.offset_for_timestamp(timestamp, max_offset=end_offset)
    return NOT_FOUND if found is None else (found.offset, found.timestamp, found.leader_epoch)


def _old_style(partition: Partition, asked: ListOffsetsPartition) -> list[int]:
    """v0: up to `max_num_offsets` offsets at which segments begin, newest first, none later than the time asked for."""
    log = partition.log
    if asked.timestamp == EARLIEST:
        offsets = [log.log_start_offset]
    else:
        offsets = sorted({*log.segment_base_offsets(modified_before_ms=asked.timestamp), log.log_start_offset})
        offsets.reverse()
        if asked.timestamp == LATEST and (not offsets or offsets[0] != partition.high_watermark):
            offsets.insert(0, partition.high_watermark)
    return offsets[: max(0, asked.max_num_offsets)]
