"""ElectLeaders (API key 43), versions 0–2: give partitions back to their preferred leaders, or to any (KIP-183).

v1 adds unclean elections (KIP-460), v2 is flexible.
"""

from __future__ import annotations

from broker.handlers.cluster_view import within
from broker.handlers.services import Services
from broker.request import RequestContext
from protocol.errors import ErrorCode, KafkaError
from protocol.messages.elect_leaders import (
    ElectLeadersRequest,
    ElectLeadersResponse,
    PartitionResult,
    ReplicaElectionResult,
)

NOT_IMPLEMENTED: tuple[str, ...] = ()

UNCLEAN = 1


async def handle(services: Services, context: RequestContext, request: ElectLeadersRequest) -> ElectLeadersResponse:
    if request.election_type not in (0, UNCLEAN):
        return ElectLeadersResponse(error_code=ErrorCode.INVALID_REQUEST)
    places = None
    if request.topic_partitions is not None:
        places = [(topic.topic, index) for topic in request.topic_partitions for index in topic.partitions]
    try:
        election = services.brokers.elect_leaders(places, unclean=request.election_type == UNCLEAN)
        outcomes = await within(request.timeout_ms, election)
    except KafkaError as error:
        return ElectLeadersResponse(error_code=error.code)
    topics: dict[str, ReplicaElectionResult] = {}
    for (name, index), outcome in outcomes.items():
        topic = topics.setdefault(name, ReplicaElectionResult(topic=name))
        topic.partition_result.append(
            PartitionResult(
                partition_id=index,
                error_code=0 if outcome is None else outcome.code,
                error_message=None if outcome is None else outcome.message,
            )
        )
    return ElectLeadersResponse(replica_election_results=list(topics.values()))
