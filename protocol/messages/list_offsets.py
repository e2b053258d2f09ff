"""ListOffsets (API key 2)."""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import Array, Int8, Int16, Int32, Int64, Request, Response, String, Struct, field


class ListOffsetsRequest(Request, api=ApiKey.LIST_OFFSETS, versions=(0, 11), flexible_since=6):
    replica_id: Int32 = 0
    isolation_level: Int8 = field(since=2)
    topics: Array[ListOffsetsTopic] = field()
    timeout_ms: Int32 = field(since=10)


class ListOffsetsTopic(Struct):
    name: String = ""
    partitions: Array[ListOffsetsPartition] = field()


class ListOffsetsPartition(Struct):
    partition_index: Int32 = 0
    current_leader_epoch: Int32 = field(since=4, default=-1)
    timestamp: Int64 = 0
    max_num_offsets: Int32 = field(until=0, default=1)


class ListOffsetsResponse(Response, api=ApiKey.LIST_OFFSETS, versions=(0, 11), flexible_since=6):
    throttle_time_ms: Int32 = field(since=2)
    topics: Array[ListOffsetsTopicResponse] = field()


class ListOffsetsTopicResponse(Struct):
    name: String = ""
    partitions: Array[ListOffsetsPartitionResponse] = field()


class ListOffsetsPartitionResponse(Struct):
    partition_index: Int32 = 0
    error_code: Int16 = 0
    old_style_offsets: Array[Int64] = field(until=0)
    timestamp: Int64 = field(since=1, default=-1)
    offset: Int64 = field(since=1, default=-1)
    leader_epoch: Int32 = field(since=4, default=-1)
