"""Metadata (API key 3): brokers, topics, partitions and their leaders.

v0    no topics means all of them
v1    null means all, none means none; racks, controller_id, is_internal
v2    cluster_id (KIP-78)
v3    throttle_time_ms
v4    allow_auto_topic_creation
v5    offline_replicas (KIP-112)
v7    leader_epoch (KIP-320)
v8    authorized operations of cluster and topics (KIP-430)
v9    flexible
v10   topic ids in the answer (KIP-516)
v11   without the cluster's authorized operations: DescribeCluster has them (KIP-700)
v12   topics may be asked for by id (KIP-516)
v13   a top-level error_code (KIP-1102)
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import (
    Array,
    Boolean,
    Int16,
    Int32,
    NullableArray,
    NullableString,
    Request,
    Response,
    String,
    Struct,
    Uuid,
    field,
)


class MetadataRequest(Request, api=ApiKey.METADATA, versions=(0, 13), flexible_since=9):
    topics: NullableArray[MetadataRequestTopic] = field(nullable_since=1)
    allow_auto_topic_creation: Boolean = field(since=4, default=True)
    include_cluster_authorized_operations: Boolean = field(since=8, until=10)
    include_topic_authorized_operations: Boolean = field(since=8)


class MetadataRequestTopic(Struct):
    topic_id: Uuid = field(since=10)
    name: NullableString = field(nullable_since=10)


class MetadataResponse(Response, api=ApiKey.METADATA, versions=(0, 13), flexible_since=9):
    throttle_time_ms: Int32 = field(since=3)
    brokers: Array[MetadataResponseBroker] = field()
    cluster_id: NullableString = field(since=2, default=None)
    controller_id: Int32 = field(since=1, default=-1)
    topics: Array[MetadataResponseTopic] = field()
    cluster_authorized_operations: Int32 = field(since=8, until=10, default=-0x8000_0000)
    error_code: Int16 = field(since=13)


class MetadataResponseBroker(Struct):
    node_id: Int32 = 0
    host: String = ""
    port: Int32 = 0
    rack: NullableString = field(since=1, default=None)


class MetadataResponseTopic(Struct):
    error_code: Int16 = 0
    name: NullableString = field(nullable_since=12)
    topic_id: Uuid = field(since=10)
    is_internal: Boolean = field(since=1)
    partitions: Array[MetadataResponsePartition] = field()
    topic_authorized_operations: Int32 = field(since=8, default=-0x8000_0000)


class MetadataResponsePartition(Struct):
    error_code: Int16 = 0
    partition_index: Int32 = 0
    leader_id: Int32 = 0
    leader_epoch: Int32 = field(since=7, default=-1)
    replica_nodes: Array[Int32] = field()
    isr_nodes: Array[Int32] = field()
    offline_replicas: Array[Int32] = field(since=5)
