"""StreamsGroupHeartbeat (API key 88): the one request of a Kafka Streams member (KIP-1071)."""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import (
    Array,
    Boolean,
    Int8,
    Int16,
    Int32,
    Int64,
    NullableArray,
    NullableString,
    Request,
    Response,
    String,
    Struct,
    Uint16,
    field,
)


class StreamsGroupHeartbeatRequest(Request, api=ApiKey.STREAMS_GROUP_HEARTBEAT, versions=(0, 1), flexible_since=0):
    group_id: String = ""
    member_id: String = ""
    member_epoch: Int32 = 0
    endpoint_information_epoch: Int32 = 0
    instance_id: NullableString = None
    rack_id: NullableString = None
    rebalance_timeout_ms: Int32 = -1
    topology: Topology | None = None
    active_tasks: NullableArray[TaskIds] = None
    standby_tasks: NullableArray[TaskIds] = None
    warmup_tasks: NullableArray[TaskIds] = None
    process_id: NullableString = None
    user_endpoint: Endpoint | None = None
    client_tags: NullableArray[KeyValue] = None
    task_offsets: NullableArray[TaskOffset] = None
    task_end_offsets: NullableArray[TaskOffset] = None
    shutdown_application: Boolean = False


class Topology(Struct):
    epoch: Int32 = 0
    subtopologies: Array[Subtopology] = field()


class Subtopology(Struct):
    subtopology_id: String = ""
    source_topics: Array[String] = field()
    source_topic_regex: Array[String] = field()
    state_changelog_topics: Array[TopicInfo] = field()
    repartition_sink_topics: Array[String] = field()
    repartition_source_topics: Array[TopicInfo] = field()
    copartition_groups: Array[CopartitionGroup] = field()


class TopicInfo(Struct):
    name: String = ""
    partitions: Int32 = 0
    replication_factor: Int16 = 0
    topic_configs: Array[KeyValue] = field()


class KeyValue(Struct):
    key: String = ""
    value: String = ""


class CopartitionGroup(Struct):
    source_topics: Array[Int16] = field()
    source_topic_regex: Array[Int16] = field()
    repartition_source_topics: Array[Int16] = field()


class TaskIds(Struct):
    subtopology_id: String = ""
    partitions: Array[Int32] = field()


class Endpoint(Struct):
    host: String = ""
    port: Uint16 = 0


class TaskOffset(Struct):
    subtopology_id: String = ""
    partition: Int32 = 0
    offset: Int64 = 0


class StreamsGroupHeartbeatResponse(Response, api=ApiKey.STREAMS_GROUP_HEARTBEAT, versions=(0, 1), flexible_since=0):
    throttle_time_ms: Int32 = 0
    error_code: Int16 = 0
    error_message: NullableString = None
    member_id: String = ""
    member_epoch: Int32 = 0
    heartbeat_interval_ms: Int32 = 0
    acceptable_recovery_lag_legacy: Int32 = field(until=0)
    task_offset_interval_ms: Int32 = 0
    acceptable_recovery_lag: Int64 = field(since=1, default=-1)
    status: NullableArray[Status] = field()
    active_tasks: NullableArray[TaskIds] = None
    standby_tasks: NullableArray[TaskIds] = None
    warmup_tasks: NullableArray[TaskIds] = None
    topology_description_required: Boolean = field(since=1)
    endpoint_information_epoch: Int32 = 0
    partitions_by_user_endpoint: NullableArray[EndpointToPartitions] = None


class Status(Struct):
    status_code: Int8 = 0
    status_detail: String = ""


class EndpointToPartitions(Struct):
    user_endpoint: Endpoint = field()
    active_partitions: Array[TopicPartition] = field()
    standby_partitions: Array[TopicPartition] = field()


class TopicPartition(Struct):
    topic: String = ""
    partitions: Array[Int32] = field()
