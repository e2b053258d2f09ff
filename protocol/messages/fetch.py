"""Fetch (API key 1): read record batches from partitions, as a consumer or as a follower.

v0-1  message sets of magic 0; v1 adds throttle_time_ms
v2    message sets of magic 1 (KIP-32)
v3    max_bytes over all partitions, whose order counts since then (KIP-74)
v4    record batches of magic 2, isolation_level, last stable offset, aborted transactions (KIP-98)
v5    log_start_offset (KIP-107)
v6    KAFKA_STORAGE_ERROR may be answered (KIP-112)
v7    incremental sessions (KIP-227)
v9    current_leader_epoch fences (KIP-320)
v10   zstd may be answered (KIP-110)
v11   rack_id and preferred_read_replica (KIP-392)
v12   flexible; last_fetched_epoch and diverging_epoch (KIP-595)
v13   topics by id instead of name (KIP-516)
v14   OFFSET_MOVED_TO_TIERED_STORAGE may be answered (KIP-405)
v15   replica_state in place of replica_id (KIP-903)
v16   node_endpoints (KIP-951)
v17   replica_directory_id (KIP-853)
v18   a follower tells the high watermark it knows (KIP-1166)
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import (
    Array,
    Int8,
    Int16,
    Int32,
    Int64,
    NullableArray,
    NullableRecords,
    NullableString,
    Request,
    Response,
    String,
    Struct,
    Uuid,
    field,
)


class FetchRequest(Request, api=ApiKey.FETCH, versions=(0, 18), flexible_since=12):
    cluster_id: NullableString = field(since=12, tag=0, default=None)
    replica_id: Int32 = field(until=14, default=-1)
    replica_state: ReplicaState = field(since=15, tag=1)
    max_wait_ms: Int32 = 0
    min_bytes: Int32 = 0
    max_bytes: Int32 = field(since=3, default=0x7FFF_FFFF)
    isolation_level: Int8 = field(since=4)
    session_id: Int32 = field(since=7)
    session_epoch: Int32 = field(since=7, default=-1)
    topics: Array[FetchTopic] = field()
    forgotten_topics_data: Array[ForgottenTopic] = field(since=7)
    rack_id: String = field(since=11)


class ReplicaState(Struct):
    replica_id: Int32 = -1
    replica_epoch: Int64 = -1


class FetchTopic(Struct):
    topic: String = field(until=12)
    topic_id: Uuid = field(since=13)
    partitions: Array[FetchPartition] = field()


class FetchPartition(Struct):
    partition: Int32 = 0
    current_leader_epoch: Int32 = field(since=9, default=-1)
    fetch_offset: Int64 = 0
    last_fetched_epoch: Int32 = field(since=12, default=-1)
    log_start_offset: Int64 = field(since=5, default=-1)
    partition_max_bytes: Int32 = 0
    replica_directory_id: Uuid = field(since=17, tag=0)
    high_watermark: Int64 = field(since=18, tag=1, default=0x7FFF_FFFF_FFFF_FFFF)


class ForgottenTopic(Struct):
    topic: String = field(until=12)
    topic_id: Uuid = field(since=13)
    partitions: Array[Int32] = field()


class FetchResponse(Response, api=ApiKey.FETCH, versions=(0, 18), flexible_since=12):
    throttle_time_ms: Int32 = field(since=1)
    error_code: Int16 = field(since=7)
    session_id: Int32 = field(since=7)
    responses: Array[FetchableTopicResponse] = field()
    node_endpoints: Array[NodeEndpoint] = field(since=16, tag=0)


class FetchableTopicResponse(Struct):
    topic: String = field(until=12)
    topic_id: Uuid = field(since=13)
    partitions: Array[PartitionData] = field()


class PartitionData(Struct):
    partition_index: Int32 = 0
    error_code: Int16 = 0
    high_watermark: Int64 = 0
    last_stable_offset: Int64 = field(since=4, default=-1)
    log_start_offset: Int64 = field(since=5, default=-1)
    diverging_epoch: EpochEndOffset = field(since=12, tag=0)
    current_leader: LeaderIdAndEpoch = field(since=12, tag=1)
    snapshot_id: SnapshotId = field(since=12, tag=2)
    aborted_transactions: NullableArray[AbortedTransaction] = field(since=4)
    preferred_read_replica: Int32 = field(since=11, default=-1)
    records: NullableRecords = None


class EpochEndOffset(Struct):
    epoch: Int32 = -1
    end_offset: Int64 = -1


class LeaderIdAndEpoch(Struct):
    leader_id: Int32 = -1
    leader_epoch: Int32 = -1


class SnapshotId(Struct):
    end_offset: Int64 = -1
    epoch: Int32 = -1


class AbortedTransaction(Struct):
    producer_id: Int64 = 0
    first_offset: Int64 = 0


class NodeEndpoint(Struct):
    node_id: Int32 = 0
    host: String = ""
    port: Int32 = 0
    rack: NullableString = None
