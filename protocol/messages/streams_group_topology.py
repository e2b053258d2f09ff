"""StreamsGroupTopologyDescriptionUpdate (API key 93): what a Kafka Streams topology looks like."""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import Array, Int8, Int16, Int32, NullableString, Request, Response, String, Struct, field


class StreamsGroupTopologyDescriptionUpdateRequest(
    Request, api=ApiKey.STREAMS_GROUP_TOPOLOGY_DESCRIPTION_UPDATE, versions=(0, 0), flexible_since=0
):
    group_id: String = ""
    member_id: String = ""
    topology_epoch: Int32 = 0
    topology_description: TopologyDescription = field()


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


class StreamsGroupTopologyDescriptionUpdateResponse(
    Response, api=ApiKey.STREAMS_GROUP_TOPOLOGY_DESCRIPTION_UPDATE, versions=(0, 0), flexible_since=0
):
    throttle_time_ms: Int32 = 0
    error_code: Int16 = 0
    error_message: NullableString = None
