"""DescribeCluster (API key 60): cluster id, controller and brokers (KIP-700).

v1    endpoint_type: brokers (1) or controllers (2) (KIP-919)
v2    fenced brokers, if asked for (KIP-1073)
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import Array, Boolean, Int8, Int16, Int32, NullableString, Request, Response, String, Struct, field


class DescribeClusterRequest(Request, api=ApiKey.DESCRIBE_CLUSTER, versions=(0, 2), flexible_since=0):
    include_cluster_authorized_operations: Boolean = False
    endpoint_type: Int8 = field(since=1, default=1)
    include_fenced_brokers: Boolean = field(since=2)


class DescribeClusterResponse(Response, api=ApiKey.DESCRIBE_CLUSTER, versions=(0, 2), flexible_since=0):
    throttle_time_ms: Int32 = 0
    error_code: Int16 = 0
    error_message: NullableString = None
    endpoint_type: Int8 = field(since=1, default=1)
    cluster_id: String = ""
    controller_id: Int32 = -1
    brokers: Array[DescribeClusterBroker] = field()
    cluster_authorized_operations: Int32 = -0x8000_0000


class DescribeClusterBroker(Struct):
    broker_id: Int32 = 0
    host: String = ""
    port: Int32 = 0
    rack: NullableString = None
    is_fenced: Boolean = field(since=2)
