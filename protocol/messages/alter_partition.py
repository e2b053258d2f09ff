"""AlterPartition (API key 56): a leader changes its in-sync replicas (KIP-497).

v1    leader_recovery_state (KIP-704)
v2    topics by id instead of name (KIP-841)
v3    the new in-sync replicas with their broker epochs (KIP-903)
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import Array, Int8, Int16, Int32, Int64, Request, Response, String, Struct, Uuid, field


class AlterPartitionRequest(Request, api=ApiKey.ALTER_PARTITION, versions=(0, 3), flexible_since=0):
    broker_id: Int32 = 0
    broker_epoch: Int64 = -1
    topics: Array[AlterPartitionRequestTopicData] = field()


class AlterPartitionRequestTopicData(Struct):
    topic_name: String = field(until=1)
    topic_id: Uuid = field(since=2)
    partitions: Array[AlterPartitionRequestPartitionData] = field()


class AlterPartitionRequestPartitionData(Struct):
    partition_index: Int32 = 0
    leader_epoch: Int32 = 0
    new_isr: Array[Int32] = field(until=2)
    new_isr_with_epochs: Array[BrokerState] = field(since=3)
    leader_recovery_state: Int8 = field(since=1)
    partition_epoch: Int32 = 0


class BrokerState(Struct):
    broker_id: Int32 = 0
    broker_epoch: Int64 = -1


class AlterPartitionResponse(Response, api=ApiKey.ALTER_PARTITION, versions=(0, 3), flexible_since=0):
    throttle_time_ms: Int32 = 0
    error_code: Int16 = 0
    topics: Array[AlterPartitionResponseTopicData] = field()


class AlterPartitionResponseTopicData(Struct):
    topic_name: String = field(until=1)
    topic_id: Uuid = field(since=2)
    partitions: Array[AlterPartitionResponsePartitionData] = field()


class AlterPartitionResponsePartitionData(Struct):
    partition_index: Int32 = 0
    error_code: Int16 = 0
    leader_id: Int32 = 0
    leader_epoch: Int32 = 0
    isr: Array[Int32] = field()
    leader_recovery_state: Int8 = field(since=1)
    partition_epoch: Int32 = 0
