"""DescribeTopicPartitions (API key 75): topics page by page, with eligible leader replicas (KIP-966)."""

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
    Uuid,
    field,
)


class DescribeTopicPartitionsRequest(Request, api=ApiKey.DESCRIBE_TOPIC_PARTITIONS, versions=(0, 0), flexible_since=0):
    topics: Array[TopicRequest] = field()
    response_partition_limit: Int32 = 2000
    cursor: Cursor | None = None


class TopicRequest(Struct):
    name: String = ""


class Cursor(Struct):
    topic_name: String = ""
    partition_index: Int32 = 0


class DescribeTopicPartitionsResponse(
    Response, api=ApiKey.DESCRIBE_TOPIC_PARTITIONS, versions=(0, 0), flexible_since=0
):
    throttle_time_ms: Int32 = 0
    topics: Array[DescribeTopicPartitionsResponseTopic] = field()
    next_cursor: Cursor | None = None


class DescribeTopicPartitionsResponseTopic(Struct):
    error_code: Int16 = 0
    name: NullableString = ""
    topic_id: Uuid = field()
    is_internal: Boolean = False
    partitions: Array[DescribeTopicPartitionsResponsePartition] = field()
    topic_authorized_operations: Int32 = -0x8000_0000


class DescribeTopicPartitionsResponsePartition(Struct):
    error_code: Int16 = 0
    partition_index: Int32 = 0
    leader_id: Int32 = 0
    leader_epoch: Int32 = -1
    replica_nodes: Array[Int32] = field()
    isr_nodes: Array[Int32] = field()
    eligible_leader_replicas: NullableArray[Int32] = None
    last_known_elr: NullableArray[Int32] = None
    offline_replicas: Array[Int32] = field()
