"""RemoveRaftVoter (API key 81), version 0: a voter follows the metadata log from now on, without a vote (KIP-853)."""

from __future__ import annotations

from broker.handlers.services import Services
from broker.request import RequestContext
from protocol.errors import ErrorCode, KafkaError
from protocol.messages.raft_voters import RemoveRaftVoterRequest, RemoveRaftVoterResponse

NOT_IMPLEMENTED: tuple[str, ...] = ()


async def handle(
    services: Services, context: RequestContext, request: RemoveRaftVoterRequest
) -> RemoveRaftVoterResponse:
    if request.cluster_id and request.cluster_id != services.cluster_id:
        return RemoveRaftVoterResponse(
            error_code=ErrorCode.INCONSISTENT_CLUSTER_ID, error_message=f"this is cluster {services.cluster_id}"
        )
    try:
        await services.voters.remove(request.voter_id, request.voter_directory_id)
    except KafkaError as error:
        return RemoveRaftVoterResponse(error_code=error.code, error_message=error.message)
    return RemoveRaftVoterResponse(error_message=None)
