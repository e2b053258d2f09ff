"""CONTROLLER_APIS: what a controller listener serves: requests of other nodes, and what brokers forward.

Private APIs, of which no client is told, are those above 10000 (see protocol/messages/internal.py). ApiVersions tells
other nodes their ranges: whoever connects speaks the newest version that both sides know.
"""

from __future__ import annotations

from collections.abc import Coroutine
from types import ModuleType

from broker.handlers import (
    ADMIN_MODULES,
    allocate_producer_ids,
    alter_partition,
    api_versions,
    broker_heartbeat,
    broker_registration,
    forward,
    join_quorum,
    raft_messages,
)
from broker.handlers.services import Services
from broker.network import Api
from broker.request import RequestContext
from protocol import Request, Response
from protocol.api_keys import ApiKey, PrivateApiKey
from protocol.messages import REQUESTS, RESPONSES, internal


def _private(
    key: PrivateApiKey, version: int, request: type[Request], response: type[Response], module: ModuleType
) -> Api:
    return Api(key, 0, version, request, response, module.handle)


def _kafka(key: ApiKey, min_version: int, max_version: int, module: ModuleType) -> Api:
    return Api(key, min_version, max_version, REQUESTS[key], RESPONSES[key], module.handle)


CONTROLLER_APIS: dict[int, Api] = {
    api.key: api
    for api in (
        _private(
            PrivateApiKey.RAFT_MESSAGES, 0, internal.RaftMessagesRequest, internal.RaftMessagesResponse, raft_messages
        ),
        _private(PrivateApiKey.JOIN_QUORUM, 1, internal.JoinQuorumRequest, internal.JoinQuorumResponse, join_quorum),
        _private(PrivateApiKey.FORWARD, 0, internal.ForwardRequest, internal.ForwardResponse, forward),
        Api(
            ApiKey.API_VERSIONS,
            0,
            5,
            REQUESTS[ApiKey.API_VERSIONS],
            RESPONSES[ApiKey.API_VERSIONS],
            api_versions.handle_at_controller,
        ),
        _kafka(ApiKey.BROKER_REGISTRATION, 0, 4, broker_registration),
        _kafka(ApiKey.BROKER_HEARTBEAT, 0, 2, broker_heartbeat),
        _kafka(ApiKey.ALTER_PARTITION, 2, 3, alter_partition),
        _kafka(ApiKey.ALLOCATE_PRODUCER_IDS, 0, 0, allocate_producer_ids),
    )
}

# What a broker may send on: the admin requests, to their handlers themselves.
FORWARDABLE: dict[int, Api] = {
    key: _kafka(key, min_version, max_version, module) for key, min_version, max_version, module in ADMIN_MODULES
}


async def serve_here(services: Services, request: Request, version: int) -> Response:
    """What this node's controller listener would answer: for this node's own requests to the controller."""
    key = request.__schema__.api
    assert key is not None
    context = RequestContext(key, version, 0, f"broker-{services.node_id}", "", "", principal="User:BROKER")
    result = CONTROLLER_APIS[key].handle(services, context, request)
    answer: Response = await result if isinstance(result, Coroutine) else result
    return answer
