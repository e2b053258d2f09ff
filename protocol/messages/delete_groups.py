"""DeleteGroups (API key 42): delete empty groups and their offsets (KIP-229).

v2    flexible
v3    error_message
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import Array, Int16, Int32, NullableString, Request, Response, String, Struct, field


class DeleteGroupsRequest(Request, api=ApiKey.DELETE_GROUPS, versions=(0, 3), flexible_since=2):
    groups_names: Array[String] = field()


class DeleteGroupsResponse(Response, api=ApiKey.DELETE_GROUPS, versions=(0, 3), flexible_since=2):
    throttle_time_ms: Int32 = 0
    results: Array[DeletableGroupResult] = field()


class DeletableGroupResult(Struct):
    group_id: String = ""
    error_code: Int16 = 0
    error_message: NullableString = field(since=3, default=None)
