"""Produce (API key 0): append record batches to partitions.

v0-2  message sets of magic 0 and 1
v1    throttle_time_ms
v2    log_append_time_ms (KIP-32)
v3    transactional_id, record batches of magic 2 (KIP-98)
v4    KAFKA_STORAGE_ERROR may be answered (KIP-112)
v5    log_start_offset (KIP-107)
v7    zstd may be used (KIP-110)
v8    record_errors and error_message (KIP-467)
v9    flexible
v10   current_leader and node_endpoints beside NOT_LEADER_OR_FOLLOWER (KIP-951)
v11   TRANSACTION_ABORTABLE may be answered (KIP-890)
v12   the first produce of a transaction adds its partition (KIP-890, part 2)
v13   topics by id instead of name (KIP-516)
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import (
    Array,
    Int16,
    Int32,
    Int64,
    NullableRecords,
    NullableString,
    Request,
    Response,
    String,
    Struct,
    Uuid,
    field,
)


class ProduceRequest(Request, api=ApiKey.PRODUCE, versions=(0, 13), flexible_since=9):
    transactional_id: NullableString = field(since=3, default=None)
    acks: Int16 = 0
    timeout_ms: Int32 = 0
    topic_data: Array[TopicProduceData] = field()


class TopicProduceData(Struct):
    name: String = field(until=12)
    topic_id: Uuid = field(since=13)
    partition_data: Array[PartitionProduceData] = field()


class PartitionProduceData(Struct):
    index: Int32 = 0
    records: NullableRecords = None


class ProduceResponse(Response, api=ApiKey.PRODUCE, versions=(0, 13), flexible_since=9):
    responses: Array[TopicProduceResponse] = field()
    throttle_time_ms: Int32 = field(since=1)
    node_endpoints: Array[NodeEndpoint] = field(since=10, tag=0)


class TopicProduceResponse(Struct):
    name: String = field(until=12)
    topic_id: Uuid = field(since=13)
    partition_responses: Array[PartitionProduceResponse] = field()


class PartitionProduceResponse(Struct):
    index: Int32 = 0
    error_code: Int16 = 0
    base_offset: Int64 = 0
    log_append_time_ms: Int64 = field(since=2, default=-1)
    log_start_offset: Int64 = field(since=5, default=-1)
    record_errors: Array[BatchIndexAndErrorMessage] = field(since=8)
    error_message: NullableString = field(since=8, default=None)
    current_leader: LeaderIdAndEpoch = field(since=10, tag=0)


class BatchIndexAndErrorMessage(Struct):
    batch_index: Int32 = 0
    batch_index_error_message: NullableString = None


class LeaderIdAndEpoch(Struct):
    leader_id: Int32 = -1
    leader_epoch: Int32 = -1


class NodeEndpoint(Struct):
    node_id: Int32 = 0
    host: String = ""
    port: Int32 = 0
    rack: NullableString = None
