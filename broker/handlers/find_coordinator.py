"""FindCoordinator (API key 10), versions 0–6: which broker coordinates a group or a transactional id.

v1 adds the kind of key and an error message (KIP-98), v3 is flexible, v4 asks for many keys at once (KIP-699), v5 may
answer TRANSACTION_ABORTABLE (KIP-890), v6 asks for share coordinators (KIP-932).

Where Kafka answers COORDINATOR_NOT_AVAILABLE until `__consumer_offsets` has come round, this waits for its creation:
a client's first question is its last.

Not implemented:
- transaction coordinators: this broker is named, and refuses in InitProducerId with UNSUPPORTED_VERSION: that is the
  only refusal every client passes on (librdkafka asks for a coordinator until the application's time is over, whatever
  it hears, but for authorisation codes);
- share coordinators: INVALID_REQUEST, as in a Kafka that has them switched off.
"""

from __future__ import annotations

from broker.groups import OFFSETS_TOPIC
from broker.handlers.services import Services
from broker.metadata import NO_LEADER
from broker.request import RequestContext
from protocol.errors import ErrorCode, KafkaError
from protocol.messages.find_coordinator import Coordinator, FindCoordinatorRequest, FindCoordinatorResponse

NOT_IMPLEMENTED = ("transaction coordinators", "share coordinators")

BATCHED_KEYS_MIN_VERSION = 4
GROUP_KEY = 0
TRANSACTION_KEY = 1
NO_NODE = -1


async def handle(
    services: Services, context: RequestContext, request: FindCoordinatorRequest
) -> FindCoordinatorResponse:
    if context.api_version >= BATCHED_KEYS_MIN_VERSION:
        found = [await _find(services, context, request.key_type, key) for key in request.coordinator_keys]
        return FindCoordinatorResponse(coordinators=found)
    coordinator = await _find(services, context, request.key_type, request.key)
    return FindCoordinatorResponse(
        error_code=coordinator.error_code,
        # Kafka's word for no error, in the versions that have no null for it.
        error_message=coordinator.error_message or ErrorCode(coordinator.error_code).name,
        node_id=coordinator.node_id,
        host=coordinator.host,
        port=coordinator.port,
    )


async def _find(services: Services, context: RequestContext, key_type: int, key: str) -> Coordinator:
    try:
        node_id, host, port = await _find_node(services, context, key_type, key)
    except KafkaError as error:
        return Coordinator(
            key=key, node_id=NO_NODE, port=NO_NODE, error_code=error.code, error_message=error.message or None
        )
    return Coordinator(key=key, node_id=node_id, host=host, port=port, error_message=None)


async def _find_node(services: Services, context: RequestContext, key_type: int, key: str) -> tuple[int, str, int]:
    if key_type == TRANSACTION_KEY:
        return _reachable(services, context, services.node_id)
    if key_type != GROUP_KEY:
        raise KafkaError(ErrorCode.INVALID_REQUEST, f"there are no coordinators of key type {key_type} here")
    try:
        topic = await services.controller.ensure_internal_topic(OFFSETS_TOPIC)
    except KafkaError as error:
        raise KafkaError(ErrorCode.COORDINATOR_NOT_AVAILABLE, error.message) from error
    return _reachable(services, context, topic.partitions[services.groups.partition_of(key)].leader)


def _reachable(services: Services, context: RequestContext, node_id: int) -> tuple[int, str, int]:
    image = services.metadata.image
    endpoint = image.endpoint(node_id, context.listener_name) if node_id != NO_LEADER else None
    if endpoint is None:
        message = "the coordinator's broker is away, or clients of this listener cannot reach it"
        raise KafkaError(ErrorCode.COORDINATOR_NOT_AVAILABLE, message)
    return node_id, *endpoint
