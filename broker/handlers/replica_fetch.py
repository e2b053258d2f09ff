"""Fetch as followers send it: their fetch offsets are their acknowledgements (see fetching/replica_sessions.py).

v15 moves the replica's state into a tag with the broker epoch (KIP-903), v17 adds the directory, v18 the high watermark
that the follower knows (KIP-1166). Followers are brokers of this cluster, so none asks in an older version than v15.

What a follower says it has moves the high watermark, so it must be one: a registered broker in its present run, as
this one knows it, on the listener that brokers reach each other over. Another is refused as a whole:
BROKER_ID_NOT_REGISTERED, CLUSTER_AUTHORIZATION_FAILED, or STALE_BROKER_EPOCH, also where it is this broker that does
not know of the newer run yet: it is asked again. Kafka without an authorizer takes such a fetch over any listener, and
counts it unless its epoch is older than the registered one.
"""

from __future__ import annotations

from broker.fetching import Follower
from broker.handlers.locating import find_by_id
from broker.handlers.services import Services
from broker.request import Deferred, RequestContext
from protocol.errors import ErrorCode, KafkaError
from protocol.messages.fetch import FetchRequest, FetchResponse

REPLICA_STATE_MIN_VERSION = 15


def follower_of(version: int, request: FetchRequest) -> Follower | None:
    """Which broker fetches; None for a consumer."""
    if version >= REPLICA_STATE_MIN_VERSION:
        state = request.replica_state
        return Follower(state.replica_id, state.replica_epoch) if state.replica_id >= 0 else None
    return Follower(request.replica_id, -1) if request.replica_id >= 0 else None


def handle(
    services: Services, context: RequestContext, request: FetchRequest, follower: Follower
) -> FetchResponse | Deferred:
    if context.api_version < REPLICA_STATE_MIN_VERSION:
        return FetchResponse(error_code=ErrorCode.UNSUPPORTED_VERSION)
    refusal = _refusal(services, context, follower)
    if refusal is not ErrorCode.NONE:
        return FetchResponse(error_code=refusal)
    try:
        session = services.replica_sessions.open(request, follower, context.client_id)
    except KafkaError as error:
        return FetchResponse(error_code=error.code)
    return session.fetch(request, lambda topic_id, index: find_by_id(services, topic_id, index))


def _refusal(services: Services, context: RequestContext, follower: Follower) -> ErrorCode:
    broker = services.metadata.image.brokers.get(follower.node_id)
    if context.listener_name != services.config.inter_broker_listener_name:
        return ErrorCode.CLUSTER_AUTHORIZATION_FAILED
    if broker is None:
        return ErrorCode.BROKER_ID_NOT_REGISTERED
    return ErrorCode.NONE if broker.broker_epoch == follower.broker_epoch else ErrorCode.STALE_BROKER_EPOCH
