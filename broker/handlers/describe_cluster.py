"""DescribeCluster (API key 60), versions 0–2: the brokers and the controller (KIP-700).

v1 can ask for controllers instead of brokers (KIP-919), which is refused on a listener for clients; v2 can include
fenced brokers (KIP-1073).
"""

from __future__ import annotations

from broker.handlers.cluster_view import CLUSTER_OPERATIONS, listener_view
from broker.handlers.services import Services
from broker.request import RequestContext
from protocol.errors import ErrorCode
from protocol.messages.describe_cluster import (
    DescribeClusterBroker,
    DescribeClusterRequest,
    DescribeClusterResponse,
)

NOT_IMPLEMENTED: tuple[str, ...] = ()

ENDPOINT_BROKER = 1
ENDPOINT_CONTROLLER = 2


def handle(services: Services, context: RequestContext, request: DescribeClusterRequest) -> DescribeClusterResponse:
    if request.endpoint_type == ENDPOINT_CONTROLLER:
        return DescribeClusterResponse(
            error_code=ErrorCode.MISMATCHED_ENDPOINT_TYPE,
            error_message="this listener is for brokers' clients: ask for brokers (endpoint type 1)",
        )
    if request.endpoint_type != ENDPOINT_BROKER:
        return DescribeClusterResponse(
            error_code=ErrorCode.UNSUPPORTED_ENDPOINT_TYPE,
            error_message=f"endpoint type {request.endpoint_type} is neither brokers (1) nor controllers (2)",
        )
    view = listener_view(services, context.listener_name)
    response = DescribeClusterResponse(
        cluster_id=services.cluster_id, controller_id=view.controller_id(services.controller.leader_id)
    )
    if request.include_cluster_authorized_operations:
        response.cluster_authorized_operations = CLUSTER_OPERATIONS
    for broker in services.metadata.image.brokers.values():
        endpoint = broker.endpoints.get(context.listener_name)
        if endpoint is None or (broker.fenced and not request.include_fenced_brokers):
            continue
        response.brokers.append(
            DescribeClusterBroker(
                broker_id=broker.node_id,
                host=endpoint[0],
                port=endpoint[1],
                rack=broker.rack,
                is_fenced=broker.fenced,
            )
        )
    return response
