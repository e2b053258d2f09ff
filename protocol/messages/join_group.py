"""JoinGroup (API key 11): become a member of a group, or rejoin it for the next generation.

v1    rebalance_timeout_ms apart from the session timeout (KIP-62)
v2    throttle_time_ms
v4    a first join is answered with MEMBER_ID_REQUIRED and a member id (KIP-394)
v5    group_instance_id (KIP-345)
v6    flexible
v7    protocol_type in the answer, protocol_name may be null (KIP-559)
v8    reason (KIP-800)
v9    skip_assignment: a static leader that came back need not assign (KIP-814)
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


class JoinGroupRequest(Request, api=ApiKey.JOIN_GROUP, versions=(0, 9), flexible_since=6):
    group_id: String = ""
    session_timeout_ms: Int32 = 0
    rebalance_timeout_ms: Int32 = field(since=1, default=-1)
    member_id: String = ""
    group_instance_id: NullableString = field(since=5, default=None)
    protocol_type: String = ""
    protocols: Array[JoinGroupRequestProtocol] = field()
    reason: NullableString = field(since=8, default=None)


class JoinGroupRequestProtocol(Struct):
    name: String = ""
    metadata: Bytes = b""


class JoinGroupResponse(Response, api=ApiKey.JOIN_GROUP, versions=(0, 9), flexible_since=6):
    throttle_time_ms: Int32 = field(since=2)
    error_code: Int16 = 0
    generation_id: Int32 = -1
    protocol_type: NullableString = field(since=7, default=None)
    protocol_name: NullableString = field(nullable_since=7)
    leader: String = ""
    skip_assignment: Boolean = field(since=9)
    member_id: String = ""
    members: Array[JoinGroupResponseMember] = field()


class JoinGroupResponseMember(Struct):
    member_id: String = ""
    group_instance_id: NullableString = field(since=5, default=None)
    metadata: Bytes = b""
