"""DescribeProducers (API key 61), version 0: who writes idempotently to a partition, as its log remembers (KIP-664)."""

from __future__ import annotations

from broker.handlers.services import Services
from broker.request import RequestContext
from protocol.errors import ErrorCode
from protocol.messages.describe_producers import (
    DescribeProducersRequest,
    DescribeProducersResponse,
    PartitionResponse,
    ProducerState,
    TopicResponse,
)


def handle(services: Services, context: RequestContext, request: DescribeProducersRequest) -> DescribeProducersResponse:
    return DescribeProducersResponse(
        topics=[
            TopicResponse(
                name=topic.name,
                partitions=[_partition(services, topic.name, index) for index in topic.partition_indexes],
            )
            for topic in request.topics
        ]
    )


def _partition(services: Services, topic: str, index: int) -> PartitionResponse:
    response = PartitionResponse(partition_index=index)
    partition = services.partitions.find(topic, index)
    if partition is None:
        response.error_code = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        response.error_message = f"there is no partition {topic}-{index} here"
        return response
    error = partition.check_leader()
    if error is not ErrorCode.NONE:
        response.error_code = error
        return response
    for producer in partition.log.producers():
        response.active_producers.append(
            ProducerState(
                producer_id=producer.producer_id,
                producer_epoch=producer.producer_epoch,
                last_sequence=producer.last_sequence,
                last_timestamp=producer.last_timestamp_ms,
                coordinator_epoch=producer.coordinator_epoch,
                current_txn_start_offset=producer.current_transaction_first_offset,
            )
        )
    return response
