"""CreateDelegationToken, Renew-, Expire- and DescribeDelegationToken (API keys 38 to 41): tokens of users (KIP-48).

v2    flexible
v3    tokens for others: owner and requester (KIP-373)
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import (
    Array,
    Bytes,
    Int16,
    Int32,
    Int64,
    NullableArray,
    NullableString,
    Request,
    Response,
    String,
    Struct,
    field,
)


class CreateDelegationTokenRequest(Request, api=ApiKey.CREATE_DELEGATION_TOKEN, versions=(0, 3), flexible_since=2):
    owner_principal_type: NullableString = field(since=3)
    owner_principal_name: NullableString = field(since=3)
    renewers: Array[CreatableRenewers] = field()
    max_lifetime_ms: Int64 = 0


class CreatableRenewers(Struct):
    principal_type: String = ""
    principal_name: String = ""


class CreateDelegationTokenResponse(Response, api=ApiKey.CREATE_DELEGATION_TOKEN, versions=(0, 3), flexible_since=2):
    error_code: Int16 = 0
    principal_type: String = ""
    principal_name: String = ""
    token_requester_principal_type: String = field(since=3)
    token_requester_principal_name: String = field(since=3)
    issue_timestamp_ms: Int64 = 0
    expiry_timestamp_ms: Int64 = 0
    max_timestamp_ms: Int64 = 0
    token_id: String = ""
    hmac: Bytes = b""
    throttle_time_ms: Int32 = 0


class RenewDelegationTokenRequest(Request, api=ApiKey.RENEW_DELEGATION_TOKEN, versions=(0, 2), flexible_since=2):
    hmac: Bytes = b""
    renew_period_ms: Int64 = 0


class RenewDelegationTokenResponse(Response, api=ApiKey.RENEW_DELEGATION_TOKEN, versions=(0, 2), flexible_since=2):
    error_code: Int16 = 0
    expiry_timestamp_ms: Int64 = 0
    throttle_time_ms: Int32 = 0


class ExpireDelegationTokenRequest(Request, api=ApiKey.EXPIRE_DELEGATION_TOKEN, versions=(0, 2), flexible_since=2):
    hmac: Bytes = b""
    expiry_time_period_ms: Int64 = 0


class ExpireDelegationTokenResponse(Response, api=ApiKey.EXPIRE_DELEGATION_TOKEN, versions=(0, 2), flexible_since=2):
    error_code: Int16 = 0
    expiry_timestamp_ms: Int64 = 0
    throttle_time_ms: Int32 = 0


class DescribeDelegationTokenRequest(Request, api=ApiKey.DESCRIBE_DELEGATION_TOKEN, versions=(0, 3), flexible_since=2):
    owners: NullableArray[DescribeDelegationTokenOwner] = field()


class DescribeDelegationTokenOwner(Struct):
    principal_type: String = ""
    principal_name: String = ""


class DescribeDelegationTokenResponse(
    Response, api=ApiKey.DESCRIBE_DELEGATION_TOKEN, versions=(0, 3), flexible_since=2
):
    error_code: Int16 = 0
    tokens: Array[DescribedDelegationToken] = field()
    throttle_time_ms: Int32 = 0


class DescribedDelegationToken(Struct):
    principal_type: String = ""
    principal_name: String = ""
    token_requester_principal_type: String = field(since=3)
    token_requester_principal_name: String = field(since=3)
    issue_timestamp: Int64 = 0
    expiry_timestamp: Int64 = 0
    max_timestamp: Int64 = 0
    token_id: String = ""
    hmac: Bytes = b""
    renewers: Array[DescribedDelegationTokenRenewer] = field()


class DescribedDelegationTokenRenewer(Struct):
    principal_type: String = ""
    principal_name: String = ""
