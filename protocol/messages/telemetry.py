"""GetTelemetrySubscriptions and PushTelemetry (API keys 71 and 72): metrics of clients (KIP-714)."""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import Array, Boolean, Bytes, Int8, Int16, Int32, Request, Response, String, Uuid, field


class GetTelemetrySubscriptionsRequest(
    Request, api=ApiKey.GET_TELEMETRY_SUBSCRIPTIONS, versions=(0, 0), flexible_since=0
):
    client_instance_id: Uuid = field()


class GetTelemetrySubscriptionsResponse(
    Response, api=ApiKey.GET_TELEMETRY_SUBSCRIPTIONS, versions=(0, 0), flexible_since=0
):
    throttle_time_ms: Int32 = 0
    error_code: Int16 = 0
    client_instance_id: Uuid = field()
    subscription_id: Int32 = 0
    accepted_compression_types: Array[Int8] = field()
    push_interval_ms: Int32 = 0
    telemetry_max_bytes: Int32 = 0
    delta_temporality: Boolean = False
    requested_metrics: Array[String] = field()


class PushTelemetryRequest(Request, api=ApiKey.PUSH_TELEMETRY, versions=(0, 0), flexible_since=0):
    client_instance_id: Uuid = field()
    subscription_id: Int32 = 0
    terminating: Boolean = False
    compression_type: Int8 = 0
    metrics: Bytes = b""


class PushTelemetryResponse(Response, api=ApiKey.PUSH_TELEMETRY, versions=(0, 0), flexible_since=0):
    throttle_time_ms: Int32 = 0
    error_code: Int16 = 0
