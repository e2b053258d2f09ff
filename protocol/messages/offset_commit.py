"""OffsetCommit (API key 8): keep how far a group has read.

v0    for offsets in ZooKeeper: neither generation nor member
v1    generation and member; commit_timestamp for each partition
v2    retention_time_ms for all instead
v3    throttle_time_ms
v5    without retention_time_ms: the broker's setting decides (KIP-211)
v6    committed_leader_epoch (KIP-320)
v7    group_instance_id (KIP-345)
v8    flexible
v9    the generation may be a member epoch; STALE_MEMBER_EPOCH, GROUP_ID_NOT_FOUND (KIP-848)
v10   topics by id instead of name (KIP-848)
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import Array, Int16, Int32, Int64, NullableString, Request, Response, String, Struct, Uuid, field


class OffsetCommitRequest(Request, api=ApiKey.OFFSET_COMMIT, versions=(0, 10), flexible_since=8):
    group_id: String = ""
    generation_id_or_member_epoch: Int32 = field(since=1, default=-1)
    member_id: String = field(since=1)
    group_instance_id: NullableString = field(since=7, default=None)
    retention_time_ms: Int64 = field(since=2, until=4, default=-1)
    topics: Array[OffsetCommitRequestTopic] = field()


class OffsetCommitRequestTopic(Struct):
    name: String = field(until=9)
    topic_id: Uuid = field(since=10)
    partitions: Array[OffsetCommitRequestPartition] = field()


class OffsetCommitRequestPartition(Struct):
    partition_index: Int32 = 0
    committed_offset: Int64 = 0
    committed_leader_epoch: Int32 = field(since=6, default=-1)
    commit_timestamp: Int64 = field(since=1, until=1, default=-1)
    committed_metadata: NullableString = ""


class OffsetCommitResponse(Response, api=ApiKey.OFFSET_COMMIT, versions=(0, 10), flexible_since=8):
    throttle_time_ms: Int32 = field(since=3)
    topics: Array[OffsetCommitResponseTopic] = field()


class OffsetCommitResponseTopic(Struct):
    name: String = field(until=9)
    topic_id: Uuid = field(since=10)
    partitions: Array[OffsetCommitResponsePartition] = field()


class OffsetCommitResponsePartition(Struct):
    partition_index: Int32 = 0
    error_code: Int16 = 0
