"""ConsumerGroupDescribe (API key 69): state and members of groups in the new consumer protocol (KIP-848).

v1    member_type: classic (0) or consumer (1) (KIP-1099)
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import (
    Array,
    Boolean,
    Int8,
    Int16,
    Int32,
    NullableString,
    Request,
    Response,
    String,
    Struct,
    Uuid,
    field,
)


class ConsumerGroupDescribeRequest(Request, api=ApiKey.CONSUMER_GROUP_DESCRIBE, versions=(0, 1), flexible_since=0):
    group_ids: Array[String] = field()
    include_authorized_operations: Boolean = False


class ConsumerGroupDescribeResponse(Response, api=ApiKey.CONSUMER_GROUP_DESCRIBE, versions=(0, 1), flexible_since=0):
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
    instance_id: NullableString = None
    rack_id: NullableString = None
    member_epoch: Int32 = 0
    client_id: String = ""
    client_host: String = ""
    subscribed_topic_names: Array[String] = field()
    subscribed_topic_regex: NullableString = None
    assignment: Assignment = field()
    target_assignment: Assignment = field()
    member_type: Int8 = field(since=1, default=-1)


class Assignment(Struct):
    topic_partitions: Array[TopicPartitions] = field()


class TopicPartitions(Struct):
    topic_id: Uuid = field()
    topic_name: String = ""
    partitions: Array[Int32] = field()
