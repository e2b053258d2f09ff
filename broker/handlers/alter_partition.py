"""AlterPartition (API key 56), versions 2–3: a leader asks the controller for other in-sync replicas.

KIP-497; v2 names topics by id (KIP-841), v3 replicas with their broker epochs (KIP-903).
"""

from __future__ import annotations

from collections.abc import Sequence

from broker.controller import IsrAnswer, IsrWish
from broker.handlers.services import Services
from broker.request import RequestContext
from protocol.errors import KafkaError
from protocol.messages.alter_partition import (
    AlterPartitionRequest,
    AlterPartitionRequestPartitionData,
    AlterPartitionResponse,
    AlterPartitionResponsePartitionData,
    AlterPartitionResponseTopicData,
)

ISR_WITH_EPOCHS_MIN_VERSION = 3
UNKNOWN_EPOCH = -1


async def handle(services: Services, context: RequestContext, request: AlterPartitionRequest) -> AlterPartitionResponse:
    wishes = [
        IsrWish(
            topic.topic_id,
            partition.partition_index,
            partition.leader_epoch,
            partition.partition_epoch,
            _isr(partition, context.api_version),
        )
        for topic in request.topics
        for partition in topic.partitions
    ]
    try:
        answers = await services.brokers.alter_isr(request.broker_id, request.broker_epoch, wishes)
    except KafkaError as error:
        return AlterPartitionResponse(error_code=error.code)
    return AlterPartitionResponse(topics=_topics(answers))


def _isr(partition: AlterPartitionRequestPartitionData, version: int) -> list[tuple[int, int]]:
    if version < ISR_WITH_EPOCHS_MIN_VERSION:
        return [(node_id, UNKNOWN_EPOCH) for node_id in partition.new_isr]
    return [(replica.broker_id, replica.broker_epoch) for replica in partition.new_isr_with_epochs]


def _topics(answers: Sequence[IsrAnswer]) -> list[AlterPartitionResponseTopicData]:
    topics: dict[bytes, AlterPartitionResponseTopicData] = {}
    for answer in answers:
        topic = topics.setdefault(answer.topic_id, AlterPartitionResponseTopicData(topic_id=answer.topic_id))
        topic.partitions.append(
            AlterPartitionResponsePartitionData(
                partition_index=answer.partition,
                error_code=answer.error,
                leader_id=answer.leader,
                leader_epoch=answer.leader_epoch,
                isr=list(answer.isr),
                partition_epoch=answer.partition_epoch,
            )
        )
    return list(topics.values())
