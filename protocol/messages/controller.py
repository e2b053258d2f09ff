"""What brokers and controllers say to the active controller: registration, heartbeats, producer ids, envelopes.

BrokerRegistration (62), BrokerHeartbeat (63), UnregisterBroker (64), ControllerRegistration (70),
UnregisterController (94), AllocateProducerIds (67), Envelope (58: a client's request, forwarded; KIP-590).

BrokerRegistration v2 adds log_dirs (KIP-858), v3 previous_broker_epoch (KIP-966); BrokerHeartbeat v1
offline_log_dirs (KIP-858), v2 cordoned_log_dirs (KIP-1066).
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import (
    Array,
    Boolean,
    Bytes,
    Int16,
    Int32,
    Int64,
    NullableArray,
    NullableBytes,
    NullableString,
    Request,
    Response,
    String,
    Struct,
    Uint16,
    Uuid,
    field,
)


class BrokerRegistrationRequest(Request, api=ApiKey.BROKER_REGISTRATION, versions=(0, 4), flexible_since=0):
    broker_id: Int32 = 0
    cluster_id: String = ""
    incarnation_id: Uuid = field()
    listeners: Array[Listener] = field()
    features: Array[Feature] = field()
    rack: NullableString = ""
    is_migrating_zk_broker: Boolean = field(since=1)
    log_dirs: Array[Uuid] = field(since=2)
    previous_broker_epoch: Int64 = field(since=3, default=-1)


class Listener(Struct):
    name: String = ""
    host: String = ""
    port: Uint16 = 0
    security_protocol: Int16 = 0


class Feature(Struct):
    name: String = ""
    min_supported_version: Int16 = 0
    max_supported_version: Int16 = 0


class BrokerRegistrationResponse(Response, api=ApiKey.BROKER_REGISTRATION, versions=(0, 4), flexible_since=0):
    throttle_time_ms: Int32 = 0
    error_code: Int16 = 0
    broker_epoch: Int64 = -1


class BrokerHeartbeatRequest(Request, api=ApiKey.BROKER_HEARTBEAT, versions=(0, 2), flexible_since=0):
    broker_id: Int32 = 0
    broker_epoch: Int64 = -1
    current_metadata_offset: Int64 = 0
    want_fence: Boolean = False
    want_shut_down: Boolean = False
    offline_log_dirs: Array[Uuid] = field(since=1, tag=0)
    cordoned_log_dirs: NullableArray[Uuid] = field(since=2, tag=1, default=None)


class BrokerHeartbeatResponse(Response, api=ApiKey.BROKER_HEARTBEAT, versions=(0, 2), flexible_since=0):
    throttle_time_ms: Int32 = 0
    error_code: Int16 = 0
    is_caught_up: Boolean = False
    is_fenced: Boolean = True
    should_shut_down: Boolean = False


class UnregisterBrokerRequest(Request, api=ApiKey.UNREGISTER_BROKER, versions=(0, 0), flexible_since=0):
    broker_id: Int32 = 0


class UnregisterBrokerResponse(Response, api=ApiKey.UNREGISTER_BROKER, versions=(0, 0), flexible_since=0):
    throttle_time_ms: Int32 = 0
    error_code: Int16 = 0
    error_message: NullableString = ""


class ControllerRegistrationRequest(Request, api=ApiKey.CONTROLLER_REGISTRATION, versions=(0, 0), flexible_since=0):
    controller_id: Int32 = 0
    incarnation_id: Uuid = field()
    zk_migration_ready: Boolean = False
    listeners: Array[Listener] = field()
    features: Array[Feature] = field()


class ControllerRegistrationResponse(Response, api=ApiKey.CONTROLLER_REGISTRATION, versions=(0, 0), flexible_since=0):
    throttle_time_ms: Int32 = 0
    error_code: Int16 = 0
    error_message: NullableString = ""


class UnregisterControllerRequest(Request, api=ApiKey.UNREGISTER_CONTROLLER, versions=(0, 0), flexible_since=0):
    controller_id: Int32 = 0


class UnregisterControllerResponse(Response, api=ApiKey.UNREGISTER_CONTROLLER, versions=(0, 0), flexible_since=0):
    throttle_time_ms: Int32 = 0
    error_code: Int16 = 0
    error_message: NullableString = ""


class AllocateProducerIdsRequest(Request, api=ApiKey.ALLOCATE_PRODUCER_IDS, versions=(0, 0), flexible_since=0):
    broker_id: Int32 = 0
    broker_epoch: Int64 = -1


class AllocateProducerIdsResponse(Response, api=ApiKey.ALLOCATE_PRODUCER_IDS, versions=(0, 0), flexible_since=0):
    throttle_time_ms: Int32 = 0
    error_code: Int16 = 0
    producer_id_start: Int64 = 0
    producer_id_len: Int32 = 0


class EnvelopeRequest(Request, api=ApiKey.ENVELOPE, versions=(0, 0), flexible_since=0):
    request_data: Bytes = b""
    request_principal: NullableBytes = b""
    client_host_address: Bytes = b""


class EnvelopeResponse(Response, api=ApiKey.ENVELOPE, versions=(0, 0), flexible_since=0):
    response_data: NullableBytes = None
    error_code: Int16 = 0
