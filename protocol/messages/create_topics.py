"""CreateTopics (API key 19).

v1    validate_only, error_message (KIP-4)
v2    throttle_time_ms
v4    num_partitions and replication_factor may be -1: the broker's defaults (KIP-464)
v5    flexible; what was created comes back, configs included (KIP-525)
v6    THROTTLING_QUOTA_EXCEEDED may be answered (KIP-599)
v7    topic_id (KIP-516)
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import (
    Array,
    Boolean,
    Int8,
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


class CreateTopicsRequest(Request, api=ApiKey.CREATE_TOPICS, versions=(0, 7), flexible_since=5):
    topics: Array[CreatableTopic] = field()
    timeout_ms: Int32 = 60000
    validate_only: Boolean = field(since=1)


class CreatableTopic(Struct):
    name: String = ""
    num_partitions: Int32 = 0
    replication_factor: Int16 = 0
    assignments: Array[CreatableReplicaAssignment] = field()
    configs: Array[CreatableTopicConfig] = field()


class CreatableReplicaAssignment(Struct):
    partition_index: Int32 = 0
    broker_ids: Array[Int32] = field()


class CreatableTopicConfig(Struct):
    name: String = ""
    value: NullableString = ""


class CreateTopicsResponse(Response, api=ApiKey.CREATE_TOPICS, versions=(0, 7), flexible_since=5):
    throttle_time_ms: Int32 = field(since=2)
    topics: Array[CreatableTopicResult] = field()


class CreatableTopicResult(Struct):
    name: String = ""
    topic_id: Uuid = field(since=7)
    error_code: Int16 = 0
    error_message: NullableString = field(since=1)
    topic_config_error_code: Int16 = field(since=5, tag=0)
    num_partitions: Int32 = field(since=5, default=-1)
    replication_factor: Int16 = field(since=5, default=-1)
    configs: NullableArray[CreatableTopicConfigs] = field(since=5)


class CreatableTopicConfigs(Struct):
    name: String = ""
    value: NullableString = ""
    read_only: Boolean = False
    config_source: Int8 = -1
    is_sensitive: Boolean = False
