"""DeleteTopics (API key 20), versions 0–6: remove topics, by name or, from v6 on, by id (KIP-516).

v3 may say that deletion is disabled (KIP-322), v4 is flexible, v5 answers with messages (KIP-525).
"""

from __future__ import annotations

from broker.controller import TopicResult
from broker.handlers.cluster_view import within
from broker.handlers.services import Services
from broker.request import RequestContext
from protocol.errors import ErrorCode, KafkaError
from protocol.messages.delete_topics import (
    DeletableTopicResult,
    DeleteTopicsRequest,
    DeleteTopicsResponse,
    DeleteTopicState,
)
from protocol.primitives import ZERO_UUID

NOT_IMPLEMENTED: tuple[str, ...] = ()

DELETION_DISABLED_MIN_VERSION = 3
TOPIC_STATES_MIN_VERSION = 6


async def handle(services: Services, context: RequestContext, request: DeleteTopicsRequest) -> DeleteTopicsResponse:
    states = request.topics
    if context.api_version < TOPIC_STATES_MIN_VERSION:
        states = [DeleteTopicState(name=name) for name in request.topic_names]
    results = [refused for state in states if (refused := _refuse(state)) is not None]
    good = [state for state in states if _refuse(state) is None]
    try:
        _check_enabled(services, context.api_version)
        deletion = services.controller.delete_topics(
            names=[state.name for state in good if state.name is not None],
            topic_ids=[state.topic_id for state in good if state.name is None],
        )
        results += await within(request.timeout_ms, deletion)
    except KafkaError as error:
        results += [TopicResult(state.name, state.topic_id, error) for state in good]
    return DeleteTopicsResponse(responses=[_result(result) for result in results])


def _refuse(state: DeleteTopicState) -> TopicResult | None:
    has_id = state.topic_id != ZERO_UUID
    if state.name is not None and has_id:
        problem = "name a topic or give its id, not both"
    elif state.name is None and not has_id:
        problem = "name a topic or give its id"
    else:
        return None
    return TopicResult(state.name, state.topic_id, KafkaError(ErrorCode.INVALID_REQUEST, problem))


def _check_enabled(services: Services, version: int) -> None:
    if services.config.delete_topic_enable:
        return
    disabled = version >= DELETION_DISABLED_MIN_VERSION
    code = ErrorCode.TOPIC_DELETION_DISABLED if disabled else ErrorCode.INVALID_REQUEST
    raise KafkaError(code, "delete.topic.enable is false on this broker")


def _result(result: TopicResult) -> DeletableTopicResult:
    answer = DeletableTopicResult(name=result.name, topic_id=result.topic_id)
    if result.error is not None:
        answer.error_code = result.error.code
        answer.error_message = result.error.message or None
    return answer
