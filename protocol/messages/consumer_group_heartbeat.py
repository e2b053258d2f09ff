"""ConsumerGroupHeartbeat (API key 68): the one request of a member in the new consumer protocol (KIP-848).

v1    subscribed_topic_regex; the member makes its own member id (KIP-1082)
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import (
    Array,
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


class ConsumerGroupHeartbeatRequest(Request, api=ApiKey.CONSUMER_GROUP_HEARTBEAT, versions=(0, 1), flexible_since=0):
    group_id: String = ""
    member_id: String = ""
    member_epoch: Int32 = 0
    instance_id: NullableString = None
    rack_id: NullableString = None
    rebalance_timeout_ms: Int32 = -1
    subscribed_topic_names: NullableArray[String] = None
    subscribed_topic_regex: NullableString = field(since=1, default=None)
    server_assignor: NullableString = None
    topic_partitions: NullableArray[TopicPartitions] = None


class TopicPartitions(Struct):
    topic_id: Uuid = field()
    partitions: Array[Int32] = field()


class ConsumerGroupHeartbeatResponse(Response, api=ApiKey.CONSUMER_GROUP_HEARTBEAT, versions=(0, 1), flexible_since=0):
    throttle_time_ms: Int32 = 0
    error_code: Int16 = 0
    error_message: NullableString = None
    member_id: NullableString = None
    member_epoch: Int32 = 0
    heartbeat_interval_ms: Int32 = 0
    assignment: Assignment | None = None


class Assignment(Struct):
    topic_partitions: Array[TopicPartitions] = field()
