"""AlterConfigs (API key 33): replace all dynamic settings of resources (KIP-133).

v2    flexible
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import Array, Boolean, Int8, Int16, Int32, NullableString, Request, Response, String, Struct, field


class AlterConfigsRequest(Request, api=ApiKey.ALTER_CONFIGS, versions=(0, 2), flexible_since=2):
    resources: Array[AlterConfigsResource] = field()
    validate_only: Boolean = False


class AlterConfigsResource(Struct):
    resource_type: Int8 = 0
    resource_name: String = ""
    configs: Array[AlterableConfig] = field()


class AlterableConfig(Struct):
    name: String = ""
    value: NullableString = ""


class AlterConfigsResponse(Response, api=ApiKey.ALTER_CONFIGS, versions=(0, 2), flexible_since=2):
    throttle_time_ms: Int32 = 0
    responses: Array[AlterConfigsResourceResponse] = field()


class AlterConfigsResourceResponse(Struct):
    error_code: Int16 = 0
    error_message: NullableString = ""
    resource_type: Int8 = 0
    resource_name: String = ""
