"""DescribeClientQuotas and AlterClientQuotas (API keys 48 and 49): limits for users, clients and addresses (KIP-546).

v1    flexible
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import (
    Array,
    Boolean,
    Float64,
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


class DescribeClientQuotasRequest(Request, api=ApiKey.DESCRIBE_CLIENT_QUOTAS, versions=(0, 1), flexible_since=1):
    components: Array[ComponentData] = field()
    strict: Boolean = False


class ComponentData(Struct):
    entity_type: String = ""
    match_type: Int8 = 0
    match: NullableString = ""


class DescribeClientQuotasResponse(Response, api=ApiKey.DESCRIBE_CLIENT_QUOTAS, versions=(0, 1), flexible_since=1):
    throttle_time_ms: Int32 = 0
    error_code: Int16 = 0
    error_message: NullableString = ""
    entries: NullableArray[DescribeClientQuotasResponseEntryData] = field()


class DescribeClientQuotasResponseEntryData(Struct):
    entity: Array[EntityData] = field()
    values: Array[ValueData] = field()


class EntityData(Struct):
    entity_type: String = ""
    entity_name: NullableString = ""


class ValueData(Struct):
    key: String = ""
    value: Float64 = 0.0


class AlterClientQuotasRequest(Request, api=ApiKey.ALTER_CLIENT_QUOTAS, versions=(0, 1), flexible_since=1):
    entries: Array[AlterClientQuotasRequestEntryData] = field()
    validate_only: Boolean = False


class AlterClientQuotasRequestEntryData(Struct):
    entity: Array[EntityData] = field()
    ops: Array[OpData] = field()


class OpData(Struct):
    key: String = ""
    value: Float64 = 0.0
    remove: Boolean = False


class AlterClientQuotasResponse(Response, api=ApiKey.ALTER_CLIENT_QUOTAS, versions=(0, 1), flexible_since=1):
    throttle_time_ms: Int32 = 0
    entries: Array[AlterClientQuotasResponseEntryData] = field()


class AlterClientQuotasResponseEntryData(Struct):
    error_code: Int16 = 0
    error_message: NullableString = ""
    entity: Array[EntityData] = field()
