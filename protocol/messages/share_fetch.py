"""ShareFetch (API key 78): acquire records for a share group, and acknowledge earlier ones (KIP-932).

v1    first stable version
v2    share_acquire_mode (KIP-1206), acknowledgements that renew (KIP-1222)
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import (
    Array,
    Boolean,
    Int8,
    Int16,
    Int32,
    Int64,
    NullableString,
    Records,
    Request,
    Response,
    String,
    Struct,
    Uuid,
    field,
)


class ShareFetchRequest(Request, api=ApiKey.SHARE_FETCH, versions=(1, 2), flexible_since=0):
    group_id: NullableString = None
    member_id: NullableString = ""
    share_session_epoch: Int32 = 0
    max_wait_ms: Int32 = 0
    min_bytes: Int32 = 0
    max_bytes: Int32 = 0x7FFF_FFFF
    max_records: Int32 = 0
    batch_size: Int32 = 0
    share_acquire_mode: Int8 = field(since=2)
    is_renew_ack: Boolean = field(since=2)
    topics: Array[FetchTopic] = field()
    forgotten_topics_data: Array[ForgottenTopic] = field()


class FetchTopic(Struct):
    topic_id: Uuid = field()
    partitions: Array[FetchPartition] = field()


class FetchPartition(Struct):
    partition_index: Int32 = 0
    acknowledgement_batches: Array[AcknowledgementBatch] = field()


class AcknowledgementBatch(Struct):
    first_offset: Int64 = 0
    last_offset: Int64 = 0
    acknowledge_types: Array[Int8] = field()


class ForgottenTopic(Struct):
    topic_id: Uuid = field()
    partitions: Array[Int32] = field()


class ShareFetchResponse(Response, api=ApiKey.SHARE_FETCH, versions=(1, 2), flexible_since=0):
    throttle_time_ms: Int32 = 0
    error_code: Int16 = 0
    error_message: NullableString = None
    acquisition_lock_timeout_ms: Int32 = 0
    responses: Array[ShareFetchableTopicResponse] = field()
    node_endpoints: Array[NodeEndpoint] = field()


class ShareFetchableTopicResponse(Struct):
    topic_id: Uuid = field()
    partitions: Array[PartitionData] = field()


class PartitionData(Struct):
    partition_index: Int32 = 0
    error_code: Int16 = 0
    error_message: NullableString = None
    acknowledge_error_code: Int16 = 0
    acknowledge_error_message: NullableString = None
    current_leader: LeaderIdAndEpoch = field()
    records: Records = b""
    acquired_records: Array[AcquiredRecords] = field()


class LeaderIdAndEpoch(Struct):
    leader_id: Int32 = 0
    leader_epoch: Int32 = 0


class AcquiredRecords(Struct):
    first_offset: Int64 = 0
    last_offset: Int64 = 0
    delivery_count: Int16 = 0


class NodeEndpoint(Struct):
    node_id: Int32 = 0
    host: String = ""
    port: Int32 = 0
    rack: NullableString = None
