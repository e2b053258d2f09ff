"""SyncGroup (API key 14): the leader hands in the assignment, every member gets its own.

v1    throttle_time_ms
v3    group_instance_id (KIP-345)
v4    flexible
v5    protocol_type and protocol_name (KIP-559)
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import Array, Bytes, Int16, Int32, NullableString, Request, Response, String, Struct, field


class SyncGroupRequest(Request, api=ApiKey.SYNC_GROUP, versions=(0, 5), flexible_since=4):
    group_id: String = ""
    generation_id: Int32 = 0
    member_id: String = ""
    group_instance_id: NullableString = field(since=3, default=None)
    protocol_type: NullableString = field(since=5, default=None)
    protocol_name: NullableString = field(since=5, default=None)
    assignments: Array[SyncGroupRequestAssignment] = field()


class SyncGroupRequestAssignment(Struct):
    member_id: String = ""
    assignment: Bytes = b""


class SyncGroupResponse(Response, api=ApiKey.SYNC_GROUP, versions=(0, 5), flexible_since=4):
    throttle_time_ms: Int32 = field(since=1)
    error_code: Int16 = 0
    protocol_type: NullableString = field(since=5, default=None)
    protocol_name: NullableString = field(since=5, default=None)
    assignment: Bytes = b""
