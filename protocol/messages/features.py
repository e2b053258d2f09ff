"""UpdateFeatures (API key 57): finalise feature levels (KIP-584).

v1    validate_only, upgrade_type (KIP-778)
v2    without results for each feature
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import Array, Boolean, Int8, Int16, Int32, NullableString, Request, Response, String, Struct, field


class UpdateFeaturesRequest(Request, api=ApiKey.UPDATE_FEATURES, versions=(0, 2), flexible_since=0):
    timeout_ms: Int32 = 60000
    feature_updates: Array[FeatureUpdateKey] = field()
    validate_only: Boolean = field(since=1)


class FeatureUpdateKey(Struct):
    feature: String = ""
    max_version_level: Int16 = 0
    allow_downgrade: Boolean = field(until=0)
    upgrade_type: Int8 = field(since=1, default=1)


class UpdateFeaturesResponse(Response, api=ApiKey.UPDATE_FEATURES, versions=(0, 2), flexible_since=0):
    throttle_time_ms: Int32 = 0
    error_code: Int16 = 0
    error_message: NullableString = ""
    results: Array[UpdatableFeatureResult] = field(until=1)


class UpdatableFeatureResult(Struct):
    feature: String = ""
    error_code: Int16 = 0
    error_message: NullableString = ""
