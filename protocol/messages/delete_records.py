"""DeleteRecords (API key 21): move log start offsets up (KIP-107).

v2    flexible
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import Array, Int16, Int32, Int64, Request, Response, String, Struct, field


class DeleteRecordsRequest(Request, api=ApiKey.DELETE_RECORDS, versions=(0, 2), flexible_since=2):
    topics: Array[DeleteRecordsTopic] = field()
    timeout_ms: Int32 = 0


class DeleteRecordsTopic(Struct):
    name: String = ""
    partitions: Array[DeleteRecordsPartition] = field()


class DeleteRecordsPartition(Struct):
    partition_index: Int32 = 0
    offset: Int64 = 0


class DeleteRecordsResponse(Response, api=ApiKey.DELETE_RECORDS, versions=(0, 2), flexible_since=2):
    throttle_time_ms: Int32 = 0
    topics: Array[DeleteRecordsTopicResult] = field()


class DeleteRecordsTopicResult(Struct):
    name: String = ""
    partitions: Array[DeleteRecordsPartitionResult] = field()


class DeleteRecordsPartitionResult(Struct):
    partition_index: Int32 = 0
    low_watermark: Int64 = 0
    error_code: Int16 = 0
