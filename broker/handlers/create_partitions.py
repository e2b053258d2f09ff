"""CreatePartitions (API key 37), versions 0–3: more partitions for topics that exist (KIP-195). v2 is flexible."""

from __future__ import annotations

from broker.controller import NewPartitions, TopicResult
from broker.handlers.cluster_view import within
from broker.handlers.services import Services
from broker.request import RequestContext
from protocol.errors import KafkaError
from protocol.messages.create_partitions import (
    CreatePartitionsRequest,
    CreatePartitionsResponse,
    CreatePartitionsTopic,
    CreatePartitionsTopicResult,
)

NOT_IMPLEMENTED: tuple[str, ...] = ()


async def handle(
    services: Services, context: RequestContext, request: CreatePartitionsRequest
) -> CreatePartitionsResponse:
    topics = [_new_partitions(topic) for topic in request.topics]
    try:
        creation = services.controller.create_partitions(topics, validate_only=request.validate_only)
        results = await within(request.timeout_ms, creation)
    except KafkaError as error:
        results = [TopicResult(name, error=error) for name in dict.fromkeys(t.name for t in topics)]
    return CreatePartitionsResponse(results=[_result(result) for result in results])


def _new_partitions(topic: CreatePartitionsTopic) -> NewPartitions:
    assignments = topic.assignments
    return NewPartitions(
        name=topic.name,
        count=topic.count,
        assignments=None if assignments is None else [a.broker_ids for a in assignments],
    )


def _result(result: TopicResult) -> CreatePartitionsTopicResult:
    assert result.name is not None, "partitions are created by the topic's name"
    answer = CreatePartitionsTopicResult(name=result.name)
    if result.error is not None:
        answer.error_code = result.error.code
        answer.error_message = result.error.message or None
    return answer
