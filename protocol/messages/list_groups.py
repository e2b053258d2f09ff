"""ListGroups (API key 16): the groups that a broker coordinates.

v1    throttle_time_ms
v3    flexible
v4    states_filter, group_state (KIP-518)
v5    types_filter, group_type (KIP-848)
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import Array, Int16, Int32, Request, Response, String, Struct, field


class ListGroupsRequest(Request, api=ApiKey.LIST_GROUPS, versions=(0, 5), flexible_since=3):
    states_filter: Array[String] = field(since=4)
    types_filter: Array[String] = field(since=5)


class ListGroupsResponse(Response, api=ApiKey.LIST_GROUPS, versions=(0, 5), flexible_since=3):
    throttle_time_ms: Int32 = field(since=1)
    error_code: Int16 = 0
    groups: Array[ListedGroup] = field()


class ListedGroup(Struct):
    group_id: String = ""
    protocol_type: String = ""
    group_state: String = field(since=4)
    group_type: String = field(since=5)
