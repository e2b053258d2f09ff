"""Produce (API key 0)."""

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
