"""IncrementalAlterConfigs (API key 44): set, delete, append to or subtract from single settings (KIP-339).

Operations: 0 set, 1 delete, 2 append, 3 subtract.

v1    flexible
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import Array, Boolean, Int8, Int16, Int32, NullableString, Request, Response, String, Struct, field


class IncrementalAlterConfigsRequest(Request, api=ApiKey.INCREMENTAL_ALTER_CONFIGS, versions=(0, 1), flexible_since=1):
    resources: Array[AlterConfigsResource] = field()
    validate_only: Boolean = False


class AlterConfigsResource(Struct):
    resource_type: Int8 = 0
    resource_name: String = ""
    configs: Array[AlterableConfig] = field()


class AlterableConfig(Struct):
    name: String = ""
    config_operation: Int8 = 0
    value: NullableString = ""


class IncrementalAlterConfigsResponse(
    Response, api=ApiKey.INCREMENTAL_ALTER_CONFIGS, versions=(0, 1), flexible_since=1
):
    throttle_time_ms: Int32 = 0
    responses: Array[AlterConfigsResourceResponse] = field()


class AlterConfigsResourceResponse(Struct):
    error_code: Int16 = 0
    error_message: NullableString = ""
    resource_type: Int8 = 0
    resource_name: String = ""
