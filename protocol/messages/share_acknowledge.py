"""ShareAcknowledge (API key 79): accept, release or reject acquired records (KIP-932).

v1    first stable version
v2    acknowledgements that renew (KIP-1222)
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
    Request,
    Response,
    String,
    Struct,
    Uuid,
    field,
)


class ShareAcknowledgeRequest(Request, api=ApiKey.SHARE_ACKNOWLEDGE, versions=(1, 2), flexible_since=0):
    group_id: NullableString = None
    member_id: NullableString = ""
    share_session_epoch: Int32 = 0
    is_renew_ack: Boolean = field(since=2)
    topics: Array[AcknowledgeTopic] = field()


class AcknowledgeTopic(Struct):
    topic_id: Uuid = field()
    partitions: Array[AcknowledgePartition] = field()


class AcknowledgePartition(Struct):
    partition_index: Int32 = 0
    acknowledgement_batches: Array[AcknowledgementBatch] = field()


class AcknowledgementBatch(Struct):
    first_offset: Int64 = 0
    last_offset: Int64 = 0
    acknowledge_types: Array[Int8] = field()


class ShareAcknowledgeResponse(Response, api=ApiKey.SHARE_ACKNOWLEDGE, versions=(1, 2), flexible_since=0):
    throttle_time_ms: Int32 = 0
    error_code: Int16 = 0
    error_message: NullableString = None
    acquisition_lock_timeout_ms: Int32 = field(since=2)
    responses: Array[ShareAcknowledgeTopicResponse] = field()
    node_endpoints: Array[NodeEndpoint] = field()


class ShareAcknowledgeTopicResponse(Struct):
    topic_id: Uuid = field()
    partitions: Array[PartitionData] = field()


class PartitionData(Struct):
    partition_index: Int32 = 0
    error_code: Int16 = 0
    error_message: NullableString = None
    current_leader: LeaderIdAndEpoch = field()


class LeaderIdAndEpoch(Struct):
    leader_id: Int32 = 0
    leader_epoch: Int32 = 0


class NodeEndpoint(Struct):
    node_id: Int32 = 0
    host: String = ""
    port: Int32 = 0
    rack: NullableString = None
