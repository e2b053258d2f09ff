"""DescribeShareGroupOffsets, AlterShareGroupOffsets, DeleteShareGroupOffsets (API keys 90 to 92) (KIP-932).

DescribeShareGroupOffsets v1 adds lag (KIP-1226).
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import (
    Array,
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


class DescribeShareGroupOffsetsRequest(
    Request, api=ApiKey.DESCRIBE_SHARE_GROUP_OFFSETS, versions=(0, 1), flexible_since=0
):
    groups: Array[DescribeShareGroupOffsetsRequestGroup] = field()


class DescribeShareGroupOffsetsRequestGroup(Struct):
    group_id: String = ""
    topics: NullableArray[DescribeShareGroupOffsetsRequestTopic] = field()


class DescribeShareGroupOffsetsRequestTopic(Struct):
    topic_name: String = ""
    partitions: Array[Int32] = field()


class DescribeShareGroupOffsetsResponse(
    Response, api=ApiKey.DESCRIBE_SHARE_GROUP_OFFSETS, versions=(0, 1), flexible_since=0
):
    throttle_time_ms: Int32 = 0
    groups: Array[DescribeShareGroupOffsetsResponseGroup] = field()


class DescribeShareGroupOffsetsResponseGroup(Struct):
    group_id: String = ""
    topics: Array[DescribeShareGroupOffsetsResponseTopic] = field()
    error_code: Int16 = 0
    error_message: NullableString = None


class DescribeShareGroupOffsetsResponseTopic(Struct):
    topic_name: String = ""
    topic_id: Uuid = field()
    partitions: Array[DescribeShareGroupOffsetsResponsePartition] = field()


class DescribeShareGroupOffsetsResponsePartition(Struct):
    partition_index: Int32 = 0
    start_offset: Int64 = 0
    leader_epoch: Int32 = 0
    lag: Int64 = field(since=1, default=-1)
    error_code: Int16 = 0
    error_message: NullableString = None


class AlterShareGroupOffsetsRequest(Request, api=ApiKey.ALTER_SHARE_GROUP_OFFSETS, versions=(0, 0), flexible_since=0):
    group_id: String = ""
    topics: Array[AlterShareGroupOffsetsRequestTopic] = field()


class AlterShareGroupOffsetsRequestTopic(Struct):
    topic_name: String = ""
    partitions: Array[AlterShareGroupOffsetsRequestPartition] = field()


class AlterShareGroupOffsetsRequestPartition(Struct):
    partition_index: Int32 = 0
    start_offset: Int64 = 0


class AlterShareGroupOffsetsResponse(Response, api=ApiKey.ALTER_SHARE_GROUP_OFFSETS, versions=(0, 0), flexible_since=0):
    throttle_time_ms: Int32 = 0
    error_code: Int16 = 0
    error_message: NullableString = None
    responses: Array[AlterShareGroupOffsetsResponseTopic] = field()


class AlterShareGroupOffsetsResponseTopic(Struct):
    topic_name: String = ""
    topic_id: Uuid = field()
    partitions: Array[AlterShareGroupOffsetsResponsePartition] = field()


class AlterShareGroupOffsetsResponsePartition(Struct):
    partition_index: Int32 = 0
    error_code: Int16 = 0
    error_message: NullableString = None


class DeleteShareGroupOffsetsRequest(Request, api=ApiKey.DELETE_SHARE_GROUP_OFFSETS, versions=(0, 0), flexible_since=0):
    group_id: String = ""
    topics: Array[DeleteShareGroupOffsetsRequestTopic] = field()


class DeleteShareGroupOffsetsRequestTopic(Struct):
    topic_name: String = ""


class DeleteShareGroupOffsetsResponse(
    Response, api=ApiKey.DELETE_SHARE_GROUP_OFFSETS, versions=(0, 0), flexible_since=0
):
    throttle_time_ms: Int32 = 0
    error_code: Int16 = 0
    error_message: NullableString = None
    responses: Array[DeleteShareGroupOffsetsResponseTopic] = field()


class DeleteShareGroupOffsetsResponseTopic(Struct):
    topic_name: String = ""
    topic_id: Uuid = field()
    error_code: Int16 = 0
    error_message: NullableString = None
