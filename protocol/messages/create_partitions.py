"""CreatePartitions (API key 37): more partitions for existing topics (KIP-195).

v2    flexible
v3    THROTTLING_QUOTA_EXCEEDED may be answered (KIP-599)
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import (
    Array,
    Boolean,
    Int16,
    Int32,
    NullableArray,
    NullableString,
    Request,
    Response,
    String,
    Struct,
    field,
)


class CreatePartitionsRequest(Request, api=ApiKey.CREATE_PARTITIONS, versions=(0, 3), flexible_since=2):
    topics: Array[CreatePartitionsTopic] = field()
    timeout_ms: Int32 = 0
    validate_only: Boolean = False


class CreatePartitionsTopic(Struct):
    name: String = ""
    count: Int32 = 0
    assignments: NullableArray[CreatePartitionsAssignment] = field()


class CreatePartitionsAssignment(Struct):
    broker_ids: Array[Int32] = field()


class CreatePartitionsResponse(Response, api=ApiKey.CREATE_PARTITIONS, versions=(0, 3), flexible_since=2):
    throttle_time_ms: Int32 = 0
    results: Array[CreatePartitionsTopicResult] = field()


class CreatePartitionsTopicResult(Struct):
    name: String = ""
    error_code: Int16 = 0
    error_message: NullableString = None
