"""InitializeShareGroupState to ReadShareGroupStateSummary (API keys 83 to 87): share state between brokers (KIP-932).

v1 of WriteShareGroupState and ReadShareGroupStateSummary adds delivery_complete_count (KIP-1226).
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import (
    Array,
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


class InitializeShareGroupStateRequest(
    Request, api=ApiKey.INITIALIZE_SHARE_GROUP_STATE, versions=(0, 0), flexible_since=0
):
    group_id: String = ""
    topics: Array[InitializeStateData] = field()


class InitializeStateData(Struct):
    topic_id: Uuid = field()
    partitions: Array[InitializeShareGroupStateRequestPartitionData] = field()


class InitializeShareGroupStateRequestPartitionData(Struct):
    partition: Int32 = 0
    state_epoch: Int32 = 0
    start_offset: Int64 = 0


class InitializeShareGroupStateResponse(
    Response, api=ApiKey.INITIALIZE_SHARE_GROUP_STATE, versions=(0, 0), flexible_since=0
):
    results: Array[InitializeStateResult] = field()


class InitializeStateResult(Struct):
    topic_id: Uuid = field()
    partitions: Array[InitializeShareGroupStateResponsePartitionResult] = field()


class InitializeShareGroupStateResponsePartitionResult(Struct):
    partition: Int32 = 0
    error_code: Int16 = 0
    error_message: NullableString = None


class ReadShareGroupStateRequest(Request, api=ApiKey.READ_SHARE_GROUP_STATE, versions=(0, 0), flexible_since=0):
    group_id: String = ""
    topics: Array[ReadStateData] = field()


class ReadStateData(Struct):
    topic_id: Uuid = field()
    partitions: Array[ReadShareGroupStateRequestPartitionData] = field()


class ReadShareGroupStateRequestPartitionData(Struct):
    partition: Int32 = 0
    leader_epoch: Int32 = 0


class ReadShareGroupStateResponse(Response, api=ApiKey.READ_SHARE_GROUP_STATE, versions=(0, 0), flexible_since=0):
    results: Array[ReadStateResult] = field()


class ReadStateResult(Struct):
    topic_id: Uuid = field()
    partitions: Array[ReadShareGroupStateResponsePartitionResult] = field()


class ReadShareGroupStateResponsePartitionResult(Struct):
    partition: Int32 = 0
    error_code: Int16 = 0
    error_message: NullableString = None
    state_epoch: Int32 = 0
    start_offset: Int64 = 0
    state_batches: Array[StateBatch] = field()


class StateBatch(Struct):
    first_offset: Int64 = 0
    last_offset: Int64 = 0
    delivery_state: Int8 = 0
    delivery_count: Int16 = 0


class WriteShareGroupStateRequest(Request, api=ApiKey.WRITE_SHARE_GROUP_STATE, versions=(0, 1), flexible_since=0):
    group_id: String = ""
    topics: Array[WriteStateData] = field()


class WriteStateData(Struct):
    topic_id: Uuid = field()
    partitions: Array[WriteShareGroupStateRequestPartitionData] = field()


class WriteShareGroupStateRequestPartitionData(Struct):
    partition: Int32 = 0
    state_epoch: Int32 = 0
    leader_epoch: Int32 = 0
    start_offset: Int64 = 0
    delivery_complete_count: Int32 = field(since=1, default=-1)
    state_batches: Array[StateBatch] = field()


class WriteShareGroupStateResponse(Response, api=ApiKey.WRITE_SHARE_GROUP_STATE, versions=(0, 1), flexible_since=0):
    results: Array[WriteStateResult] = field()


class WriteStateResult(Struct):
    topic_id: Uuid = field()
    partitions: Array[InitializeShareGroupStateResponsePartitionResult] = field()


class DeleteShareGroupStateRequest(Request, api=ApiKey.DELETE_SHARE_GROUP_STATE, versions=(0, 0), flexible_since=0):
    group_id: String = ""
    topics: Array[DeleteStateData] = field()


class DeleteStateData(Struct):
    topic_id: Uuid = field()
    partitions: Array[DeleteShareGroupStateRequestPartitionData] = field()


class DeleteShareGroupStateRequestPartitionData(Struct):
    partition: Int32 = 0


class DeleteShareGroupStateResponse(Response, api=ApiKey.DELETE_SHARE_GROUP_STATE, versions=(0, 0), flexible_since=0):
    results: Array[DeleteStateResult] = field()


class DeleteStateResult(Struct):
    topic_id: Uuid = field()
    partitions: Array[InitializeShareGroupStateResponsePartitionResult] = field()


class ReadShareGroupStateSummaryRequest(
    Request, api=ApiKey.READ_SHARE_GROUP_STATE_SUMMARY, versions=(0, 1), flexible_since=0
):
    group_id: String = ""
    topics: Array[ReadStateSummaryData] = field()


class ReadStateSummaryData(Struct):
    topic_id: Uuid = field()
    partitions: Array[ReadShareGroupStateRequestPartitionData] = field()


class ReadShareGroupStateSummaryResponse(
    Response, api=ApiKey.READ_SHARE_GROUP_STATE_SUMMARY, versions=(0, 1), flexible_since=0
):
    results: Array[ReadStateSummaryResult] = field()


class ReadStateSummaryResult(Struct):
    topic_id: Uuid = field()
    partitions: Array[ReadShareGroupStateSummaryResponsePartitionResult] = field()


class ReadShareGroupStateSummaryResponsePartitionResult(Struct):
    partition: Int32 = 0
    error_code: Int16 = 0
    error_message: NullableString = None
    state_epoch: Int32 = 0
    leader_epoch: Int32 = 0
    start_offset: Int64 = 0
    delivery_complete_count: Int32 = field(since=1, default=-1)
