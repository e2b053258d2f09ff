"""AlterPartitionReassignments (API key 45), versions 0–1: move partitions to other brokers, or give that up (KIP-455).

v1 can forbid another number of replicas (KIP-860).
"""

from __future__ import annotations

from broker.controller import ReassignmentWish
from broker.handlers.cluster_view import within
from broker.handlers.services import Services
from broker.request import RequestContext
from protocol.errors import KafkaError
from protocol.messages.reassignments import (
    AlterPartitionReassignmentsRequest,
    AlterPartitionReassignmentsResponse,
    ReassignablePartitionResponse,
    ReassignableTopicResponse,
)

NOT_IMPLEMENTED: tuple[str, ...] = ()


async def handle(
    services: Services, context: RequestContext, request: AlterPartitionReassignmentsRequest
) -> AlterPartitionReassignmentsResponse:
    may_change = request.allow_replication_factor_change
    wishes = [
        ReassignmentWish(topic.name, partition.partition_index, partition.replicas)
        for topic in request.topics
        for partition in topic.partitions
    ]
    response = AlterPartitionReassignmentsResponse(allow_replication_factor_change=may_change, error_message=None)
    try:
        change = services.brokers.reassign(wishes, may_change_factor=may_change)
        outcomes = iter(await within(request.timeout_ms, change))
    except KafkaError as error:
        response.error_code, response.error_message = error.code, error.message
        return response
    for topic in request.topics:
        answer = ReassignableTopicResponse(name=topic.name)
        response.responses.append(answer)
        for partition in topic.partitions:
            outcome = next(outcomes)
            answer.partitions.append(
                ReassignablePartitionResponse(
                    partition_index=partition.partition_index,
                    error_code=0 if outcome is None else outcome.code,
                    error_message=None if outcome is None else outcome.message,
                )
            )
    return response
