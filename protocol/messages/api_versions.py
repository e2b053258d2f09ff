"""ApiVersions (API key 18): what the broker serves; the first request of a connection.

A request in a version that the broker does not know is answered in v0 with UNSUPPORTED_VERSION and the
versions of this API, and the response header is never flexible, so that every client can read it (KIP-511).

v1    throttle_time_ms
v3    flexible; client software name and version (KIP-511); features (KIP-584)
v4    a feature's min_version may be 0 (KAFKA-17011)
v5    the cluster and node that the client means to talk to
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import (
    Array,
    Boolean,
    Int16,
    Int32,
    Int64,
    NullableString,
    Request,
    Response,
    String,
    Struct,
    field,
)


class ApiVersionsRequest(Request, api=ApiKey.API_VERSIONS, versions=(0, 5), flexible_since=3):
    client_software_name: String = field(since=3)
    client_software_version: String = field(since=3)
    cluster_id: NullableString = field(since=5, default=None)
    node_id: Int32 = field(since=5, default=-1)


class ApiVersionsResponse(Response, api=ApiKey.API_VERSIONS, versions=(0, 5), flexible_since=3):
    error_code: Int16 = 0
    api_keys: Array[ApiVersion] = field()
    throttle_time_ms: Int32 = field(since=1)
    supported_features: Array[SupportedFeatureKey] = field(since=3, tag=0)
    finalized_features_epoch: Int64 = field(since=3, tag=1, default=-1)
    finalized_features: Array[FinalizedFeatureKey] = field(since=3, tag=2)
    zk_migration_ready: Boolean = field(since=3, tag=3)


class ApiVersion(Struct):
    api_key: Int16 = 0
    min_version: Int16 = 0
    max_version: Int16 = 0


class SupportedFeatureKey(Struct):
    name: String = ""
    min_version: Int16 = 0
    max_version: Int16 = 0


class FinalizedFeatureKey(Struct):
    name: String = ""
    max_version_level: Int16 = 0
    min_version_level: Int16 = 0
