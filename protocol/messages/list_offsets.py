"""ListOffsets (API key 2): the offset at a timestamp, or at a place that a negative timestamp names.

Special timestamps: -1 latest, -2 earliest, -3 the record of the greatest timestamp (v7), -4 earliest local
(v8), -5 latest tiered (v9), -6 earliest pending upload (v11).

v0    up to max_num_offsets segment starts before the timestamp, in old_style_offsets
v1    one offset and its timestamp (KIP-79)
v2    isolation_level, throttle_time_ms (KIP-98)
v4    current_leader_epoch fences; leader_epoch in the answer (KIP-320)
v5    OFFSET_NOT_AVAILABLE may be answered (KIP-207)
v6    flexible
v7    greatest timestamp (KIP-734)
v8    earliest local offset (KIP-405)
v9    latest tiered offset (KIP-1005)
v10   timeout_ms, for what has to be asked of remote storage (KIP-1075)
v11   earliest pending upload (KIP-1023)
"""

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
