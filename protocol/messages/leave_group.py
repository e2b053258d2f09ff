"""LeaveGroup (API key 13): leave a group, or remove members from it.

v1    throttle_time_ms
v3    several members, with group_instance_id, each with its own error (KIP-345)
v4    flexible
v5    reason (KIP-800)
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import Array, Int16, Int32, NullableString, Request, Response, String, Struct, field


class LeaveGroupRequest(Request, api=ApiKey.LEAVE_GROUP, versions=(0, 5), flexible_since=4):
    group_id: String = ""
    member_id: String = field(until=2)
    members: Array[MemberIdentity] = field(since=3)


class MemberIdentity(Struct):
    member_id: String = ""
    group_instance_id: NullableString = None
    reason: NullableString = field(since=5, default=None)


class LeaveGroupResponse(Response, api=ApiKey.LEAVE_GROUP, versions=(0, 5), flexible_since=4):
    throttle_time_ms: Int32 = field(since=1)
    error_code: Int16 = 0
    members: Array[MemberResponse] = field(since=3)


class MemberResponse(Struct):
    member_id: String = ""
    group_instance_id: NullableString = ""
    error_code: Int16 = 0
