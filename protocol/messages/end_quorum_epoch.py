"""EndQuorumEpoch (API key 54): the leader of the metadata quorum steps down (KIP-595).

v1    flexible; preferred candidates with directory ids, leader endpoints (KIP-853)
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import Array, Int16, Int32, NullableString, Request, Response, String, Struct, Uint16, Uuid, field


class EndQuorumEpochRequest(Request, api=ApiKey.END_QUORUM_EPOCH, versions=(0, 1), flexible_since=1):
    cluster_id: NullableString = None
    topics: Array[EndQuorumEpochRequestTopicData] = field()
    leader_endpoints: Array[LeaderEndpoint] = field(since=1)


class EndQuorumEpochRequestTopicData(Struct):
    topic_name: String = ""
    partitions: Array[EndQuorumEpochRequestPartitionData] = field()


class EndQuorumEpochRequestPartitionData(Struct):
    partition_index: Int32 = 0
    leader_id: Int32 = 0
    leader_epoch: Int32 = 0
    preferred_successors: Array[Int32] = field(until=0)
    preferred_candidates: Array[ReplicaInfo] = field(since=1)


class ReplicaInfo(Struct):
    candidate_id: Int32 = 0
    candidate_directory_id: Uuid = field()


class LeaderEndpoint(Struct):
    name: String = ""
    host: String = ""
    port: Uint16 = 0


class EndQuorumEpochResponse(Response, api=ApiKey.END_QUORUM_EPOCH, versions=(0, 1), flexible_since=1):
    error_code: Int16 = 0
    topics: Array[EndQuorumEpochResponseTopicData] = field()
    node_endpoints: Array[NodeEndpoint] = field(since=1, tag=0)


class EndQuorumEpochResponseTopicData(Struct):
    topic_name: String = ""
    partitions: Array[EndQuorumEpochResponsePartitionData] = field()


class EndQuorumEpochResponsePartitionData(Struct):
    partition_index: Int32 = 0
    error_code: Int16 = 0
    leader_id: Int32 = 0
    leader_epoch: Int32 = 0


class NodeEndpoint(Struct):
    node_id: Int32 = 0
    host: String = ""
    port: Uint16 = 0
