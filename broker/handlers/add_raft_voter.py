"""AddRaftVoter (API key 80), versions 0–1: a node that follows the metadata log may vote about it (KIP-853).

v1 can be answered before the change is committed, which is not made use of.
"""

from __future__ import annotations

from broker.handlers.cluster_view import within
from broker.handlers.services import Services
from broker.request import RequestContext
from protocol.errors import ErrorCode, KafkaError
from protocol.messages.raft_voters import AddRaftVoterRequest, AddRaftVoterResponse

NOT_IMPLEMENTED: tuple[str, ...] = ()


async def handle(services: Services, context: RequestContext, request: AddRaftVoterRequest) -> AddRaftVoterResponse:
    if request.cluster_id and request.cluster_id != services.cluster_id:
        return AddRaftVoterResponse(
            error_code=ErrorCode.INCONSISTENT_CLUSTER_ID, error_message=f"this is cluster {services.cluster_id}"
        )
    addresses = [(listener.host, listener.port) for listener in request.listeners]
    try:
        change = services.voters.add(request.voter_id, request.voter_directory_id, addresses)
        await within(request.timeout_ms, change)
    except KafkaError as error:
        return AddRaftVoterResponse(error_code=error.code, error_message=error.message)
    return AddRaftVoterResponse(error_message=None)
