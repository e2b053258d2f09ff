"""ElectLeaders (API key 43): make preferred or unclean leaders lead (KIP-183).

v1    election_type: preferred (0), unclean (1) (KIP-460)
v2    flexible
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import (
    Array,
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


class ElectLeadersRequest(Request, api=ApiKey.ELECT_LEADERS, versions=(0, 2), flexible_since=2):
    election_type: Int8 = field(since=1)
    topic_partitions: NullableArray[TopicPartitions] = field()
    timeout_ms: Int32 = 60000


class TopicPartitions(Struct):
    topic: String = ""
    partitions: Array[Int32] = field()


class ElectLeadersResponse(Response, api=ApiKey.ELECT_LEADERS, versions=(0, 2), flexible_since=2):
    throttle_time_ms: Int32 = 0
    error_code: Int16 = field(since=1)
    replica_election_results: Array[ReplicaElectionResult] = field()


class ReplicaElectionResult(Struct):
    topic: String = ""
    partition_result: Array[PartitionResult] = field()


class PartitionResult(Struct):
    partition_id: Int32 = 0
    error_code: Int16 = 0
    error_message: NullableString = ""
