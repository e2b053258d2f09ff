"""BeginQuorumEpoch (API key 53): the new leader of the metadata quorum tells its voters (KIP-595).

v1    flexible; voter id, directory id and leader endpoints (KIP-853)
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import Array, Int16, Int32, NullableString, Request, Response, String, Struct, Uint16, Uuid, field


class BeginQuorumEpochRequest(Request, api=ApiKey.BEGIN_QUORUM_EPOCH, versions=(0, 1), flexible_since=1):
    cluster_id: NullableString = None
    voter_id: Int32 = field(since=1, default=-1)
    topics: Array[BeginQuorumEpochRequestTopicData] = field()
    leader_endpoints: Array[LeaderEndpoint] = field(since=1)


class BeginQuorumEpochRequestTopicData(Struct):
    topic_name: String = ""
    partitions: Array[BeginQuorumEpochRequestPartitionData] = field()


class BeginQuorumEpochRequestPartitionData(Struct):
    partition_index: Int32 = 0
    voter_directory_id: Uuid = field(since=1)
    leader_id: Int32 = 0
    leader_epoch: Int32 = 0


class LeaderEndpoint(Struct):
    name: String = ""
    host: String = ""
    port: Uint16 = 0


class BeginQuorumEpochResponse(Response, api=ApiKey.BEGIN_QUORUM_EPOCH, versions=(0, 1), flexible_since=1):
    error_code: Int16 = 0
    topics: Array[BeginQuorumEpochResponseTopicData] = field()
    node_endpoints: Array[NodeEndpoint] = field(since=1, tag=0)


class BeginQuorumEpochResponseTopicData(Struct):
    topic_name: String = ""
    partitions: Array[BeginQuorumEpochResponsePartitionData] = field()


class BeginQuorumEpochResponsePartitionData(Struct):
    partition_index: Int32 = 0
    error_code: Int16 = 0
    leader_id: Int32 = 0
    leader_epoch: Int32 = 0


class NodeEndpoint(Struct):
    node_id: Int32 = 0
    host: String = ""
    port: Uint16 = 0
