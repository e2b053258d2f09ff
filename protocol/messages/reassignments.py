"""AlterPartitionReassignments and ListPartitionReassignments (API keys 45 and 46): move replicas (KIP-455).

v1    allow_replication_factor_change (KIP-860)
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


class AlterPartitionReassignmentsRequest(
    Request, api=ApiKey.ALTER_PARTITION_REASSIGNMENTS, versions=(0, 1), flexible_since=0
):
    timeout_ms: Int32 = 60000
    allow_replication_factor_change: Boolean = field(since=1, default=True)
    topics: Array[ReassignableTopic] = field()


class ReassignableTopic(Struct):
    name: String = ""
    partitions: Array[ReassignablePartition] = field()


class ReassignablePartition(Struct):
    partition_index: Int32 = 0
    replicas: NullableArray[Int32] = None


class AlterPartitionReassignmentsResponse(
    Response, api=ApiKey.ALTER_PARTITION_REASSIGNMENTS, versions=(0, 1), flexible_since=0
):
    throttle_time_ms: Int32 = 0
    allow_replication_factor_change: Boolean = field(since=1, default=True)
    error_code: Int16 = 0
    error_message: NullableString = ""
    responses: Array[ReassignableTopicResponse] = field()


class ReassignableTopicResponse(Struct):
    name: String = ""
    partitions: Array[ReassignablePartitionResponse] = field()


class ReassignablePartitionResponse(Struct):
    partition_index: Int32 = 0
    error_code: Int16 = 0
    error_message: NullableString = ""


class ListPartitionReassignmentsRequest(
    Request, api=ApiKey.LIST_PARTITION_REASSIGNMENTS, versions=(0, 0), flexible_since=0
):
    timeout_ms: Int32 = 60000
    topics: NullableArray[ListPartitionReassignmentsTopics] = None


class ListPartitionReassignmentsTopics(Struct):
    name: String = ""
    partition_indexes: Array[Int32] = field()


class ListPartitionReassignmentsResponse(
    Response, api=ApiKey.LIST_PARTITION_REASSIGNMENTS, versions=(0, 0), flexible_since=0
):
    throttle_time_ms: Int32 = 0
    error_code: Int16 = 0
    error_message: NullableString = ""
    topics: Array[OngoingTopicReassignment] = field()


class OngoingTopicReassignment(Struct):
    name: String = ""
    partitions: Array[OngoingPartitionReassignment] = field()


class OngoingPartitionReassignment(Struct):
    partition_index: Int32 = 0
    replicas: Array[Int32] = field()
    adding_replicas: Array[Int32] = field()
    removing_replicas: Array[Int32] = field()
