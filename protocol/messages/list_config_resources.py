"""ListConfigResources (API key 74): which resources have settings.

v0    client metrics subscriptions only, then called ListClientMetricsResources (KIP-714)
v1    resource_types (KIP-1142)
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import Array, Int8, Int16, Int32, Request, Response, String, Struct, field


class ListConfigResourcesRequest(Request, api=ApiKey.LIST_CONFIG_RESOURCES, versions=(0, 1), flexible_since=0):
    resource_types: Array[Int8] = field(since=1)


class ListConfigResourcesResponse(Response, api=ApiKey.LIST_CONFIG_RESOURCES, versions=(0, 1), flexible_since=0):
    throttle_time_ms: Int32 = 0
    error_code: Int16 = 0
    config_resources: Array[ConfigResource] = field()


class ConfigResource(Struct):
    resource_name: String = ""
    resource_type: Int8 = field(since=1, default=16)
