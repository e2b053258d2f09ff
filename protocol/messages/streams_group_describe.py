"""StreamsGroupDescribe (API key 89): state, topology and members of Kafka Streams groups (KIP-1071)."""

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


class StreamsGroupDescribeRequest(Request, api=ApiKey.STREAMS_GROUP_DESCRIBE, versions=(0, 1), flexible_since=0):
    group_ids: Array[String] = field()
    include_authorized_operations: Boolean = False
    include_topology_description: Boolean = field(since=1)


class StreamsGroupDescribeResponse(Response, api=ApiKey.STREAMS_GROUP_DESCRIBE, versions=(0, 1), flexible_since=0):
    throttle_time_ms: Int32 = 0
    groups: Array[DescribedGroup] = field()


class DescribedGroup(Struct):
    error_code: Int16 = 0
    error_message: NullableString = None
    group_id: String = ""
    group_state: String = ""
    group_epoch: Int32 = 0
    assignment_epoch: Int32 = 0
    topology: Topology | None = None
    members: Array[Member] = field()
    authorized_operations: Int32 = -0x8000_0000
    topology_description: TopologyDescription | None = field(since=1, default=None)
    topology_description_status: Int8 = field(since=1)
    assignor_name: NullableString = field(since=1, default=None)


class Topology(Struct):
    epoch: Int32 = 0
    subtopologies: NullableArray[Subtopology] = None


class Subtopology(Struct):
    subtopology_id: String = ""
    source_topics: Array[String] = field()
    repartition_sink_topics: Array[String] = field()
    state_changelog_topics: Array[TopicInfo] = field()
    repartition_source_topics: Array[TopicInfo] = field()


class TopicInfo(Struct):
    name: String = ""
    partitions: Int32 = 0
    replication_factor: Int16 = 0
    topic_configs: Array[KeyValue] = field()


class KeyValue(Struct):
    key: String = ""
    value: String = ""


class Member(Struct):
    member_id: String = ""
    member_epoch: Int32 = 0
    instance_id: NullableString = None
    rack_id: NullableString = None
    client_id: String = ""
    client_host: String = ""
    topology_epoch: Int32 = 0
    process_id: String = ""
    user_endpoint: Endpoint | None = None
    client_tags: Array[KeyValue] = field()
    task_offsets: Array[TaskOffset] = field()
    task_end_offsets: Array[TaskOffset] = field()
    assignment: Assignment = field()
    target_assignment: Assignment = field()
    is_classic: Boolean = False


class Endpoint(Struct):
    host: String = ""
    port: Uint16 = 0


class TaskOffset(Struct):
    subtopology_id: String = ""
    partition: Int32 = 0
    offset: Int64 = 0


class Assignment(Struct):
    active_tasks: Array[TaskIds] = field()
    standby_tasks: Array[TaskIds] = field()
    warmup_tasks: Array[TaskIds] = field()


class TaskIds(Struct):
    subtopology_id: String = ""
    partitions: Array[Int32] = field()


class TopologyDescription(Struct):
    subtopologies: Array[TopologyDescriptionSubtopology] = field()
    global_stores: Array[TopologyDescriptionGlobalStore] = field()


class TopologyDescriptionSubtopology(Struct):
    subtopology_id: String = ""
    nodes: Array[TopologyDescriptionNode] = field()


class TopologyDescriptionNode(Struct):
    name: String = ""
    node_type: Int8 = 0
    source_topics: Array[String] = field()
    sink_topic: NullableString = None
    stores: Array[String] = field()
    successors: Array[String] = field()


class TopologyDescriptionGlobalStore(Struct):
    source: TopologyDescriptionNode = field()
    processor: TopologyDescriptionNode = field()
