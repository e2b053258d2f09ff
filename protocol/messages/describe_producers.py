"""DescribeProducers (API key 61): the producers whose state a partition's leader holds (KIP-664)."""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import Array, Int16, Int32, Int64, NullableString, Request, Response, String, Struct, field


class DescribeProducersRequest(Request, api=ApiKey.DESCRIBE_PRODUCERS, versions=(0, 0), flexible_since=0):
    topics: Array[TopicRequest] = field()


class TopicRequest(Struct):
    name: String = ""
    partition_indexes: Array[Int32] = field()


class DescribeProducersResponse(Response, api=ApiKey.DESCRIBE_PRODUCERS, versions=(0, 0), flexible_since=0):
    throttle_time_ms: Int32 = 0
    topics: Array[TopicResponse] = field()


class TopicResponse(Struct):
    name: String = ""
    partitions: Array[PartitionResponse] = field()


class PartitionResponse(Struct):
    partition_index: Int32 = 0
    error_code: Int16 = 0
    error_message: NullableString = None
    active_producers: Array[ProducerState] = field()


class ProducerState(Struct):
    producer_id: Int64 = 0
    producer_epoch: Int32 = 0
    last_sequence: Int32 = -1
    last_timestamp: Int64 = -1
    coordinator_epoch: Int32 = 0
    current_txn_start_offset: Int64 = -1
