"""DescribeLogDirs (API key 35) and AlterReplicaLogDirs (API key 34): replicas on disks (KIP-113).

DescribeLogDirs
v2    flexible
v3    a top-level error_code
v4    total_bytes and usable_bytes of the volume (KIP-827)
v5    is_cordoned (KIP-1066)

AlterReplicaLogDirs
v2    flexible
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import Array, Boolean, Int16, Int32, Int64, NullableArray, Request, Response, String, Struct, field


class DescribeLogDirsRequest(Request, api=ApiKey.DESCRIBE_LOG_DIRS, versions=(0, 5), flexible_since=2):
    topics: NullableArray[DescribableLogDirTopic] = field()


class DescribableLogDirTopic(Struct):
    topic: String = ""
    partitions: Array[Int32] = field()


class DescribeLogDirsResponse(Response, api=ApiKey.DESCRIBE_LOG_DIRS, versions=(0, 5), flexible_since=2):
    throttle_time_ms: Int32 = 0
    error_code: Int16 = field(since=3)
    results: Array[DescribeLogDirsResult] = field()


class DescribeLogDirsResult(Struct):
    error_code: Int16 = 0
    log_dir: String = ""
    topics: Array[DescribeLogDirsTopic] = field()
    total_bytes: Int64 = field(since=4, default=-1)
    usable_bytes: Int64 = field(since=4, default=-1)
    is_cordoned: Boolean = field(since=5)


class DescribeLogDirsTopic(Struct):
    name: String = ""
    partitions: Array[DescribeLogDirsPartition] = field()


class DescribeLogDirsPartition(Struct):
    partition_index: Int32 = 0
    partition_size: Int64 = 0
    offset_lag: Int64 = 0
    is_future_key: Boolean = False


class AlterReplicaLogDirsRequest(Request, api=ApiKey.ALTER_REPLICA_LOG_DIRS, versions=(0, 2), flexible_since=2):
    dirs: Array[AlterReplicaLogDir] = field()


class AlterReplicaLogDir(Struct):
    path: String = ""
    topics: Array[AlterReplicaLogDirTopic] = field()


class AlterReplicaLogDirTopic(Struct):
    name: String = ""
    partitions: Array[Int32] = field()


class AlterReplicaLogDirsResponse(Response, api=ApiKey.ALTER_REPLICA_LOG_DIRS, versions=(0, 2), flexible_since=2):
    throttle_time_ms: Int32 = 0
    results: Array[AlterReplicaLogDirTopicResult] = field()


class AlterReplicaLogDirTopicResult(Struct):
    topic_name: String = ""
    partitions: Array[AlterReplicaLogDirPartitionResult] = field()


class AlterReplicaLogDirPartitionResult(Struct):
    partition_index: Int32 = 0
    error_code: Int16 = 0
