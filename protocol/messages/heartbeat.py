"""Heartbeat (API key 12): a member of a classic group is alive.

v1    throttle_time_ms
v3    group_instance_id (KIP-345)
v4    flexible
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import Int16, Int32, NullableString, Request, Response, String, field


class HeartbeatRequest(Request, api=ApiKey.HEARTBEAT, versions=(0, 4), flexible_since=4):
    group_id: String = ""
    generation_id: Int32 = 0
    member_id: String = ""
    group_instance_id: NullableString = field(since=3, default=None)


class HeartbeatResponse(Response, api=ApiKey.HEARTBEAT, versions=(0, 4), flexible_since=4):
    throttle_time_ms: Int32 = field(since=1)
    error_code: Int16 = 0
