"""ShareGroupDescribe (API key 77): state and members of share groups (KIP-932).

v0 was early access and is gone.
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import Array, Boolean, Int16, Int32, NullableString, Request, Response, String, Struct, Uuid, field


class ShareGroupDescribeRequest(Request, api=ApiKey.SHARE_GROUP_DESCRIBE, versions=(1, 1), flexible_since=0):
    group_ids: Array[String] = field()
    include_authorized_operations: Boolean = False


class ShareGroupDescribeResponse(Response, api=ApiKey.SHARE_GROUP_DESCRIBE, versions=(1, 1), flexible_since=0):
    throttle_time_ms: Int32 = 0
    groups: Array[DescribedGroup] = field()


class DescribedGroup(Struct):
    error_code: Int16 = 0
    error_message: NullableString = None
    group_id: String = ""
    group_state: String = ""
    group_epoch: Int32 = 0
    assignment_epoch: Int32 = 0
    assignor_name: String = ""
    members: Array[Member] = field()
    authorized_operations: Int32 = -0x8000_0000


class Member(Struct):
    member_id: String = ""
    rack_id: NullableString = None
    member_epoch: Int32 = 0
    client_id: String = ""
    client_host: String = ""
    subscribed_topic_names: Array[String] = field()
    assignment: Assignment = field()


class Assignment(Struct):
    topic_partitions: Array[TopicPartitions] = field()


class TopicPartitions(Struct):
    topic_id: Uuid = field()
    topic_name: String = ""
    partitions: Array[Int32] = field()
