"""CreateTopics (API key 19), versions 0–7: new topics, with their partitions, replicas and configs.

v1 can validate only, v4 takes -1 for the broker's defaults (KIP-464), v5 is flexible and answers with the configs of
the new topic (KIP-525), v7 with its id (KIP-516).

Not implemented:
- create.topic.policy.class.name: there are no policy classes.
"""

from __future__ import annotations

from broker.config import describe_topic
from broker.controller import NewTopic, TopicResult
from broker.handlers.cluster_view import within
from broker.handlers.services import Services
from broker.request import RequestContext
from protocol.errors import KafkaError
from protocol.messages.create_topics import (
    CreatableTopic,
    CreatableTopicConfigs,
    CreatableTopicResult,
    CreateTopicsRequest,
    CreateTopicsResponse,
)

NOT_IMPLEMENTED = ("policy classes",)

CONFIGS_MIN_VERSION = 5


async def handle(services: Services, context: RequestContext, request: CreateTopicsRequest) -> CreateTopicsResponse:
    topics = [_new_topic(topic) for topic in request.topics]
    try:
        creation = services.controller.create_topics(topics, validate_only=request.validate_only)
        results = await within(request.timeout_ms, creation)
    except KafkaError as error:
        results = [TopicResult(name, error=error) for name in dict.fromkeys(t.name for t in topics)]
    with_configs = context.api_version >= CONFIGS_MIN_VERSION
    return CreateTopicsResponse(topics=[_result(services, result, with_configs) for result in results])


def _new_topic(topic: CreatableTopic) -> NewTopic:
    return NewTopic(
        name=topic.name,
        num_partitions=topic.num_partitions,
        replication_factor=topic.replication_factor,
        assignments=[(a.partition_index, a.broker_ids) for a in topic.assignments],
        configs={config.name: config.value for config in topic.configs},
    )


def _result(services: Services, result: TopicResult, with_configs: bool) -> CreatableTopicResult:
    assert result.name is not None, "topics are created by name"
    if result.error is not None:
        return CreatableTopicResult(
            name=result.name,
            error_code=result.error.code,
            error_message=result.error.message or None,
            configs=[],
        )
    answer = CreatableTopicResult(
        name=result.name,
        topic_id=result.topic_id,
        error_message=None,
        num_partitions=result.num_partitions,
        replication_factor=result.replication_factor,
    )
    if with_configs:
        answer.configs = [
            CreatableTopicConfigs(
                name=config.name,
                value=config.value,
                read_only=config.read_only,
                config_source=config.source,
                is_sensitive=config.definition.sensitive,
            )
            for config in describe_topic(services.config, result.configs)
        ]
    return answer
