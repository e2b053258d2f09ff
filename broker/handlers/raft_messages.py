"""RaftMessages (private API key 10000), version 0: what another node's Raft says to this one's.

Nothing here waits: the answers of Raft are messages of this node's own.
"""

from __future__ import annotations

from broker.handlers.services import Services
from broker.request import CloseConnection, RequestContext
from protocol.errors import ErrorCode
from protocol.messages.internal import RaftMessagesRequest, RaftMessagesResponse
from raft import MessageError, decode_message


def handle(services: Services, context: RequestContext, request: RaftMessagesRequest) -> RaftMessagesResponse:
    if request.cluster_id is not None and services.cluster_id and request.cluster_id != services.cluster_id:
        # Somebody's configuration names the wrong address: neither side may count the other's votes.
        return RaftMessagesResponse(error_code=ErrorCode.INCONSISTENT_CLUSTER_ID)
    if request.sender_host:
        services.members.learn(request.sender_id, (request.sender_host, request.sender_port))
    for encoded in request.messages:
        try:
            services.quorum.step(decode_message(encoded))
        except MessageError as error:
            raise CloseConnection(f"a message of node {request.sender_id} cannot be read: {error}") from None
    return RaftMessagesResponse()
