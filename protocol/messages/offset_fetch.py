"""OffsetFetch (API key 9): what a group has committed.

v0    offsets in ZooKeeper; the same bytes as v1
v2    null topics means all; a top-level error_code (KIP-88)
v3    throttle_time_ms
v5    committed_leader_epoch (KIP-320)
v6    flexible
v7    require_stable: not while a transaction's offsets are pending (KIP-447)
v8    several groups at once (KIP-709)
v9    member_id and member_epoch (KIP-848)
v10   topics by id instead of name (KIP-848)
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import (
    Array,
    Boolean,
    Int16,
    Int32,
    Int64,
    NullableArray,
    NullableString,
    Request,
    Response,
    String,
    Struct,
    Uuid,
    field,
)


class OffsetFetchRequest(Request, api=ApiKey.OFFSET_FETCH, versions=(0, 10), flexible_since=6):
    group_id: String = field(until=7)
    topics: NullableArray[OffsetFetchRequestTopic] = field(until=7, nullable_since=2)
    groups: Array[OffsetFetchRequestGroup] = field(since=8)
    require_stable: Boolean = field(since=7)


class OffsetFetchRequestTopic(Struct):
    name: String = ""
    partition_indexes: Array[Int32] = field()


class OffsetFetchRequestGroup(Struct):
    group_id: String = ""
    member_id: NullableString = field(since=9, default=None)
    member_epoch: Int32 = field(since=9, default=-1)
    topics: NullableArray[OffsetFetchRequestTopics] = field()


class OffsetFetchRequestTopics(Struct):
    name: String = field(until=9)
    topic_id: Uuid = field(since=10)
    partition_indexes: Array[Int32] = field()


class OffsetFetchResponse(Response, api=ApiKey.OFFSET_FETCH, versions=(0, 10), flexible_since=6):
    throttle_time_ms: Int32 = field(since=3)
    topics: Array[OffsetFetchResponseTopic] = field(until=7)
    error_code: Int16 = field(since=2, until=7)
    groups: Array[OffsetFetchResponseGroup] = field(since=8)


class OffsetFetchResponseTopic(Struct):
    name: String = ""
    partitions: Array[OffsetFetchResponsePartition] = field()


class OffsetFetchResponsePartition(Struct):
    partition_index: Int32 = 0
    committed_offset: Int64 = 0
    committed_leader_epoch: Int32 = field(since=5, default=-1)
    metadata: NullableString = ""
    error_code: Int16 = 0


class OffsetFetchResponseGroup(Struct):
    group_id: String = ""
    topics: Array[OffsetFetchResponseTopics] = field()
    error_code: Int16 = 0


class OffsetFetchResponseTopics(Struct):
    name: String = field(until=9)
    topic_id: Uuid = field(since=10)
    partitions: Array[OffsetFetchResponsePartitions] = field()


class OffsetFetchResponsePartitions(Struct):
    partition_index: Int32 = 0
    committed_offset: Int64 = 0
    committed_leader_epoch: Int32 = -1
    metadata: NullableString = ""
    error_code: Int16 = 0
