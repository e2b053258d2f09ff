"""FetchSnapshot (API key 59): a piece of a snapshot of the metadata log (KIP-630).

v1    replica_directory_id (KIP-853)
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import (
    Array,
    Int16,
    Int32,
    Int64,
    NullableString,
    Records,
    Request,
    Response,
    String,
    Struct,
    Uint16,
    Uuid,
    field,
)


class FetchSnapshotRequest(Request, api=ApiKey.FETCH_SNAPSHOT, versions=(0, 1), flexible_since=0):
    cluster_id: NullableString = field(tag=0, default=None)
    replica_id: Int32 = -1
    max_bytes: Int32 = 0x7FFF_FFFF
    topics: Array[FetchSnapshotRequestTopicSnapshot] = field()


class FetchSnapshotRequestTopicSnapshot(Struct):
    name: String = ""
    partitions: Array[FetchSnapshotRequestPartitionSnapshot] = field()


class FetchSnapshotRequestPartitionSnapshot(Struct):
    partition: Int32 = 0
    current_leader_epoch: Int32 = 0
    snapshot_id: SnapshotId = field()
    position: Int64 = 0
    replica_directory_id: Uuid = field(since=1, tag=0)


class SnapshotId(Struct):
    end_offset: Int64 = 0
    epoch: Int32 = 0


class FetchSnapshotResponse(Response, api=ApiKey.FETCH_SNAPSHOT, versions=(0, 1), flexible_since=0):
    throttle_time_ms: Int32 = 0
    error_code: Int16 = 0
    topics: Array[FetchSnapshotResponseTopicSnapshot] = field()
    node_endpoints: Array[NodeEndpoint] = field(since=1, tag=0)


class FetchSnapshotResponseTopicSnapshot(Struct):
    name: String = ""
    partitions: Array[FetchSnapshotResponsePartitionSnapshot] = field()


class FetchSnapshotResponsePartitionSnapshot(Struct):
    index: Int32 = 0
    error_code: Int16 = 0
    snapshot_id: SnapshotId = field()
    current_leader: LeaderIdAndEpoch = field(tag=0)
    size: Int64 = 0
    position: Int64 = 0
    unaligned_records: Records = b""


class LeaderIdAndEpoch(Struct):
    leader_id: Int32 = 0
    leader_epoch: Int32 = 0


class NodeEndpoint(Struct):
    node_id: Int32 = 0
    host: String = ""
    port: Uint16 = 0
