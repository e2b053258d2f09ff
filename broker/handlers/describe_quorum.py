"""DescribeQuorum (API key 55), versions 0–2: voters and observers of the metadata quorum, as its leader sees them.

KIP-595; v1 says when each was last caught up (KIP-836), v2 has directory ids and addresses (KIP-853). The time is that
of the answer for a replica that lacks nothing, and unknown (-1) for others: Raft counts entries, not milliseconds.
"""

from __future__ import annotations

from broker.handlers.services import Services
from broker.metadata.topic_names import CLUSTER_METADATA
from broker.request import RequestContext
from protocol.errors import ErrorCode
from protocol.messages.quorum import (
    DescribeQuorumRequest,
    DescribeQuorumResponse,
    DescribeQuorumResponsePartitionData,
    DescribeQuorumResponseTopicData,
    Listener,
    Node,
    ReplicaState,
)

NOT_IMPLEMENTED: tuple[str, ...] = ()

CONTROLLER_LISTENER = "CONTROLLER"


def handle(services: Services, context: RequestContext, request: DescribeQuorumRequest) -> DescribeQuorumResponse:
    if not services.controller.is_active:
        return DescribeQuorumResponse(error_code=ErrorCode.NOT_LEADER_OR_FOLLOWER, error_message=None)
    topics = []
    for asked in request.topics:
        topic = DescribeQuorumResponseTopicData(topic_name=asked.topic_name)
        for partition in asked.partitions:
            if asked.topic_name == CLUSTER_METADATA and partition.partition_index == 0:
                topic.partitions.append(_metadata_partition(services))
            else:
                topic.partitions.append(
                    DescribeQuorumResponsePartitionData(
                        partition_index=partition.partition_index,
                        error_code=ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
                        error_message=None,
                    )
                )
        topics.append(topic)
    return DescribeQuorumResponse(topics=topics, nodes=_nodes(services), error_message=None)


def _metadata_partition(services: Services) -> DescribeQuorumResponsePartitionData:
    status = services.quorum.status()
    partition = DescribeQuorumResponsePartitionData(
        partition_index=0,
        error_message=None,
        leader_id=status.leader,
        leader_epoch=status.term,
        # An end offset, as those of the replicas are: indexes of Raft are inclusive.
        high_watermark=status.committed + 1,
    )
    now_ms = services.clock.now_ms()
    for node_id, peer in sorted(status.peers.items()):
        is_caught_up = peer.match >= status.committed
        replica = ReplicaState(
            replica_id=node_id,
            replica_directory_id=status.configuration.directory_of(node_id),
            log_end_offset=peer.match + 1,
            last_fetch_timestamp=now_ms if is_caught_up else -1,
            last_caught_up_timestamp=now_ms if is_caught_up else -1,
        )
        (partition.current_voters if peer.is_voter else partition.observers).append(replica)
    return partition


def _nodes(services: Services) -> list[Node]:
    nodes = []
    for node_id in services.quorum.configuration.voters:
        address = services.members.address_of(node_id)
        if address is not None:
            listener = Listener(name=CONTROLLER_LISTENER, host=address[0], port=address[1])
            nodes.append(Node(node_id=node_id, listeners=[listener]))
    return nodes
