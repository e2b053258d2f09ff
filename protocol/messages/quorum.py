"""DescribeQuorum (API key 55): voters and observers of the metadata quorum (KIP-595).

v1    when each replica last fetched and was last caught up (KIP-836)
v2    directory ids, nodes, error messages (KIP-853)
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import (
    Array,
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


class DescribeQuorumRequest(Request, api=ApiKey.DESCRIBE_QUORUM, versions=(0, 2), flexible_since=0):
    topics: Array[DescribeQuorumRequestTopicData] = field()


class DescribeQuorumRequestTopicData(Struct):
    topic_name: String = ""
    partitions: Array[DescribeQuorumRequestPartitionData] = field()


class DescribeQuorumRequestPartitionData(Struct):
    partition_index: Int32 = 0


class DescribeQuorumResponse(Response, api=ApiKey.DESCRIBE_QUORUM, versions=(0, 2), flexible_since=0):
    error_code: Int16 = 0
    error_message: NullableString = field(since=2)
    topics: Array[DescribeQuorumResponseTopicData] = field()
    nodes: Array[Node] = field(since=2)


class DescribeQuorumResponseTopicData(Struct):
    topic_name: String = ""
    partitions: Array[DescribeQuorumResponsePartitionData] = field()


class DescribeQuorumResponsePartitionData(Struct):
    partition_index: Int32 = 0
    error_code: Int16 = 0
    error_message: NullableString = field(since=2)
    leader_id: Int32 = 0
    leader_epoch: Int32 = 0
    high_watermark: Int64 = 0
    current_voters: Array[ReplicaState] = field()
    observers: Array[ReplicaState] = field()


class ReplicaState(Struct):
    replica_id: Int32 = 0
    replica_directory_id: Uuid = field(since=2)
    log_end_offset: Int64 = 0
    last_fetch_timestamp: Int64 = field(since=1, default=-1)
    last_caught_up_timestamp: Int64 = field(since=1, default=-1)


class Node(Struct):
    node_id: Int32 = 0
    listeners: Array[Listener] = field()


class Listener(Struct):
    name: String = ""
    host: String = ""
    port: Uint16 = 0
