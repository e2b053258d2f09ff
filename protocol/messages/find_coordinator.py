"""FindCoordinator (API key 10): the broker that coordinates a group, a transactional id or a share group.

v1    key_type (0 group, 1 transaction), error_message, throttle_time_ms (KIP-98)
v3    flexible
v4    several keys at once (KIP-699)
v5    TRANSACTION_ABORTABLE may be answered (KIP-890)
v6    key_type 2: share group state (KIP-932)
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import Array, Int8, Int16, Int32, NullableString, Request, Response, String, Struct, field


class FindCoordinatorRequest(Request, api=ApiKey.FIND_COORDINATOR, versions=(0, 6), flexible_since=3):
    key: String = field(until=3)
    key_type: Int8 = field(since=1)
    coordinator_keys: Array[String] = field(since=4)


class FindCoordinatorResponse(Response, api=ApiKey.FIND_COORDINATOR, versions=(0, 6), flexible_since=3):
    throttle_time_ms: Int32 = field(since=1)
    error_code: Int16 = field(until=3)
    error_message: NullableString = field(since=1, until=3)
    node_id: Int32 = field(until=3)
    host: String = field(until=3)
    port: Int32 = field(until=3)
    coordinators: Array[Coordinator] = field(since=4)


class Coordinator(Struct):
    key: String = ""
    node_id: Int32 = 0
    host: String = ""
    port: Int32 = 0
    error_code: Int16 = 0
    error_message: NullableString = ""
