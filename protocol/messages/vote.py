"""Vote (API key 52): a candidate of the metadata quorum asks for a vote (KIP-595).

v1    voter and directory ids (KIP-853)
v2    pre_vote (KIP-996)
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import (
    Array,
    Boolean,
    Int16,
    Int32,
    Int64,
    NullableString,
    Request,
    Response,
    String,
    Struct,
    Uint16,
    Uuid,
    field,
)


class VoteRequest(Request, api=ApiKey.VOTE, versions=(0, 2), flexible_since=0):
    cluster_id: NullableString = None
    voter_id: Int32 = field(since=1, default=-1)
    topics: Array[VoteRequestTopicData] = field()


class VoteRequestTopicData(Struct):
    topic_name: String = ""
    partitions: Array[VoteRequestPartitionData] = field()


class VoteRequestPartitionData(Struct):
    partition_index: Int32 = 0
    replica_epoch: Int32 = 0
    replica_id: Int32 = 0
    replica_directory_id: Uuid = field(since=1)
    voter_directory_id: Uuid = field(since=1)
    last_offset_epoch: Int32 = 0
    last_offset: Int64 = 0
    pre_vote: Boolean = field(since=2)


class VoteResponse(Response, api=ApiKey.VOTE, versions=(0, 2), flexible_since=0):
    error_code: Int16 = 0
    topics: Array[VoteResponseTopicData] = field()
    node_endpoints: Array[NodeEndpoint] = field(since=1, tag=0)


class VoteResponseTopicData(Struct):
    topic_name: String = ""
    partitions: Array[VoteResponsePartitionData] = field()


class VoteResponsePartitionData(Struct):
    partition_index: Int32 = 0
    error_code: Int16 = 0
    leader_id: Int32 = 0
    leader_epoch: Int32 = 0
    vote_granted: Boolean = False


class NodeEndpoint(Struct):
    node_id: Int32 = 0
    host: String = ""
    port: Uint16 = 0
