"""DescribeGroups (API key 15): state and members of classic groups.

v1    throttle_time_ms
v3    authorized_operations (KIP-430)
v4    group_instance_id (KIP-345)
v5    flexible
v6    error_message, and GROUP_ID_NOT_FOUND instead of a dead group (KIP-1043)
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import (
    Array,
    Boolean,
    Bytes,
    Int16,
    Int32,
    NullableString,
    Request,
    Response,
    String,
    Struct,
    field,
)


class DescribeGroupsRequest(Request, api=ApiKey.DESCRIBE_GROUPS, versions=(0, 6), flexible_since=5):
    groups: Array[String] = field()
    include_authorized_operations: Boolean = field(since=3)


class DescribeGroupsResponse(Response, api=ApiKey.DESCRIBE_GROUPS, versions=(0, 6), flexible_since=5):
    throttle_time_ms: Int32 = field(since=1)
    groups: Array[DescribedGroup] = field()


class DescribedGroup(Struct):
    error_code: Int16 = 0
    error_message: NullableString = field(since=6, default=None)
    group_id: String = ""
    group_state: String = ""
    protocol_type: String = ""
    protocol_data: String = ""
    members: Array[DescribedGroupMember] = field()
    authorized_operations: Int32 = field(since=3, default=-0x8000_0000)


class DescribedGroupMember(Struct):
    member_id: String = ""
    group_instance_id: NullableString = field(since=4, default=None)
    client_id: String = ""
    client_host: String = ""
    member_metadata: Bytes = b""
    member_assignment: Bytes = b""
