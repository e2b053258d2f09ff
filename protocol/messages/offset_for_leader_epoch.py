"""OffsetForLeaderEpoch (API key 23): where a leader epoch ended in this log (KIP-101).

v1    leader_epoch in the answer (KIP-279)
v2    current_leader_epoch fences; throttle_time_ms (KIP-320)
v3    replica_id
v4    flexible
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import Array, Int16, Int32, Int64, Request, Response, String, Struct, field


class OffsetForLeaderEpochRequest(Request, api=ApiKey.OFFSET_FOR_LEADER_EPOCH, versions=(0, 4), flexible_since=4):
    replica_id: Int32 = field(since=3, default=-2)
    topics: Array[OffsetForLeaderTopic] = field()


class OffsetForLeaderTopic(Struct):
    topic: String = ""
    partitions: Array[OffsetForLeaderPartition] = field()


class OffsetForLeaderPartition(Struct):
    partition: Int32 = 0
    current_leader_epoch: Int32 = field(since=2, default=-1)
    leader_epoch: Int32 = 0


class OffsetForLeaderEpochResponse(Response, api=ApiKey.OFFSET_FOR_LEADER_EPOCH, versions=(0, 4), flexible_since=4):
    throttle_time_ms: Int32 = field(since=2)
    topics: Array[OffsetForLeaderTopicResult] = field()


class OffsetForLeaderTopicResult(Struct):
    topic: String = ""
    partitions: Array[EpochEndOffset] = field()


class EpochEndOffset(Struct):
    error_code: Int16 = 0
    partition: Int32 = 0
    leader_epoch: Int32 = field(since=1, default=-1)
    end_offset: Int64 = -1
