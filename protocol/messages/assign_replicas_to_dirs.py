"""AssignReplicasToDirs (API key 73): a broker tells which replica lies in which directory (KIP-858)."""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import Array, Int16, Int32, Int64, Request, Response, Struct, Uuid, field


class AssignReplicasToDirsRequest(Request, api=ApiKey.ASSIGN_REPLICAS_TO_DIRS, versions=(0, 0), flexible_since=0):
    broker_id: Int32 = 0
    broker_epoch: Int64 = -1
    directories: Array[AssignReplicasToDirsRequestDirectoryData] = field()


class AssignReplicasToDirsRequestDirectoryData(Struct):
    id: Uuid = field()
    topics: Array[AssignReplicasToDirsRequestTopicData] = field()


class AssignReplicasToDirsRequestTopicData(Struct):
    topic_id: Uuid = field()
    partitions: Array[AssignReplicasToDirsRequestPartitionData] = field()


class AssignReplicasToDirsRequestPartitionData(Struct):
    partition_index: Int32 = 0


class AssignReplicasToDirsResponse(Response, api=ApiKey.ASSIGN_REPLICAS_TO_DIRS, versions=(0, 0), flexible_since=0):
    throttle_time_ms: Int32 = 0
    error_code: Int16 = 0
    directories: Array[AssignReplicasToDirsResponseDirectoryData] = field()


class AssignReplicasToDirsResponseDirectoryData(Struct):
    id: Uuid = field()
    topics: Array[AssignReplicasToDirsResponseTopicData] = field()


class AssignReplicasToDirsResponseTopicData(Struct):
    topic_id: Uuid = field()
    partitions: Array[AssignReplicasToDirsResponsePartitionData] = field()


class AssignReplicasToDirsResponsePartitionData(Struct):
    partition_index: Int32 = 0
    error_code: Int16 = 0
