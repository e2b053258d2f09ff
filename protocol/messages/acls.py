"""DescribeAcls, CreateAcls, DeleteAcls (API keys 29 to 31): who may do what (KIP-140).

v1    pattern types: literal, prefixed (KIP-290)
v2    flexible
v3    user resource type, for delegation tokens of others (KIP-373)
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import Array, Int8, Int16, Int32, NullableString, Request, Response, String, Struct, field


class DescribeAclsRequest(Request, api=ApiKey.DESCRIBE_ACLS, versions=(0, 3), flexible_since=2):
    resource_type_filter: Int8 = 0
    resource_name_filter: NullableString = ""
    pattern_type_filter: Int8 = field(since=1, default=3)
    principal_filter: NullableString = ""
    host_filter: NullableString = ""
    operation: Int8 = 0
    permission_type: Int8 = 0


class DescribeAclsResponse(Response, api=ApiKey.DESCRIBE_ACLS, versions=(0, 3), flexible_since=2):
    throttle_time_ms: Int32 = 0
    error_code: Int16 = 0
    error_message: NullableString = ""
    resources: Array[DescribeAclsResource] = field()


class DescribeAclsResource(Struct):
    resource_type: Int8 = 0
    resource_name: String = ""
    pattern_type: Int8 = field(since=1, default=3)
    acls: Array[AclDescription] = field()


class AclDescription(Struct):
    principal: String = ""
    host: String = ""
    operation: Int8 = 0
    permission_type: Int8 = 0


class CreateAclsRequest(Request, api=ApiKey.CREATE_ACLS, versions=(0, 3), flexible_since=2):
    creations: Array[AclCreation] = field()


class AclCreation(Struct):
    resource_type: Int8 = 0
    resource_name: String = ""
    resource_pattern_type: Int8 = field(since=1, default=3)
    principal: String = ""
    host: String = ""
    operation: Int8 = 0
    permission_type: Int8 = 0


class CreateAclsResponse(Response, api=ApiKey.CREATE_ACLS, versions=(0, 3), flexible_since=2):
    throttle_time_ms: Int32 = 0
    results: Array[AclCreationResult] = field()


class AclCreationResult(Struct):
    error_code: Int16 = 0
    error_message: NullableString = ""


class DeleteAclsRequest(Request, api=ApiKey.DELETE_ACLS, versions=(0, 3), flexible_since=2):
    filters: Array[DeleteAclsFilter] = field()


class DeleteAclsFilter(Struct):
    resource_type_filter: Int8 = 0
    resource_name_filter: NullableString = ""
    pattern_type_filter: Int8 = field(since=1, default=3)
    principal_filter: NullableString = ""
    host_filter: NullableString = ""
    operation: Int8 = 0
    permission_type: Int8 = 0


class DeleteAclsResponse(Response, api=ApiKey.DELETE_ACLS, versions=(0, 3), flexible_since=2):
    throttle_time_ms: Int32 = 0
    filter_results: Array[DeleteAclsFilterResult] = field()


class DeleteAclsFilterResult(Struct):
    error_code: Int16 = 0
    error_message: NullableString = ""
    matching_acls: Array[DeleteAclsMatchingAcl] = field()


class DeleteAclsMatchingAcl(Struct):
    error_code: Int16 = 0
    error_message: NullableString = ""
    resource_type: Int8 = 0
    resource_name: String = ""
    pattern_type: Int8 = field(since=1, default=3)
    principal: String = ""
    host: String = ""
    operation: Int8 = 0
    permission_type: Int8 = 0
