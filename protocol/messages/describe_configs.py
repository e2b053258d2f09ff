"""DescribeConfigs (API key 32): settings of topics, brokers and more (KIP-133).

v0    is_default instead of a source
v1    config_source and synonyms (KIP-226)
v3    config_type and documentation (KIP-569)
v4    flexible
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import (
    Array,
    Boolean,
    Int8,
    Int16,
    Int32,
    NullableArray,
    NullableString,
    Request,
    Response,
    String,
    Struct,
    field,
)


class DescribeConfigsRequest(Request, api=ApiKey.DESCRIBE_CONFIGS, versions=(0, 4), flexible_since=4):
    resources: Array[DescribeConfigsResource] = field()
    include_synonyms: Boolean = field(since=1)
    include_documentation: Boolean = field(since=3)


class DescribeConfigsResource(Struct):
    resource_type: Int8 = 0
    resource_name: String = ""
    configuration_keys: NullableArray[String] = field()


class DescribeConfigsResponse(Response, api=ApiKey.DESCRIBE_CONFIGS, versions=(0, 4), flexible_since=4):
    throttle_time_ms: Int32 = 0
    results: Array[DescribeConfigsResult] = field()


class DescribeConfigsResult(Struct):
    error_code: Int16 = 0
    error_message: NullableString = ""
    resource_type: Int8 = 0
    resource_name: String = ""
    configs: Array[DescribeConfigsResourceResult] = field()


class DescribeConfigsResourceResult(Struct):
    name: String = ""
    value: NullableString = ""
    read_only: Boolean = False
    is_default: Boolean = field(until=0)
    config_source: Int8 = field(since=1, default=-1)
    is_sensitive: Boolean = False
    synonyms: Array[DescribeConfigsSynonym] = field(since=1)
    config_type: Int8 = field(since=3)
    documentation: NullableString = field(since=3)


class DescribeConfigsSynonym(Struct):
    name: String = ""
    value: NullableString = ""
    source: Int8 = 0
