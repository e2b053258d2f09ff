"""JoinQuorum (private API key 10001), versions 0–1: a node asks to be sent the metadata log, or says which disk it
votes from.

v1 says whether it is a voter by its configuration that begins with an empty disk.
"""

from __future__ import annotations

from broker.handlers.services import Services
from broker.request import RequestContext
from protocol.errors import ErrorCode, KafkaError
from protocol.messages.internal import JoinQuorumRequest, JoinQuorumResponse


async def handle(services: Services, context: RequestContext, request: JoinQuorumRequest) -> JoinQuorumResponse:
    if request.cluster_id is not None and request.cluster_id != services.cluster_id:
        return JoinQuorumResponse(
            error_code=ErrorCode.INCONSISTENT_CLUSTER_ID, error_message=f"this is cluster {services.cluster_id}"
        )
    address = (request.host, request.port)
    services.members.learn(request.node_id, address)
    try:
        await services.voters.join(
            request.node_id, request.directory_id, address, begins_as_voter=request.begins_as_voter
        )
    except KafkaError as error:
        return JoinQuorumResponse(error_code=error.code, error_message=error.message)
    return JoinQuorumResponse(cluster_id=services.cluster_id)
