"""ShareGroupHeartbeat (API key 76): the one request of a share group's member (KIP-932).

v0 was early access and is gone.
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


class ShareGroupHeartbeatRequest(Request, api=ApiKey.SHARE_GROUP_HEARTBEAT, versions=(1, 1), flexible_since=0):
    group_id: String = ""
    member_id: String = ""
    member_epoch: Int32 = 0
    rack_id: NullableString = None
    subscribed_topic_names: NullableArray[String] = None


class ShareGroupHeartbeatResponse(Response, api=ApiKey.SHARE_GROUP_HEARTBEAT, versions=(1, 1), flexible_since=0):
    throttle_time_ms: Int32 = 0
    error_code: Int16 = 0
    error_message: NullableString = None
    member_id: NullableString = None
    member_epoch: Int32 = 0
    heartbeat_interval_ms: Int32 = 0
    assignment: Assignment | None = None


class Assignment(Struct):
    topic_partitions: Array[TopicPartitions] = field()


class TopicPartitions(Struct):
    topic_id: Uuid = field()
    partitions: Array[Int32] = field()
