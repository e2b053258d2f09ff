"""DescribeLogDirs (API key 35), versions 0–5: what lies on this node's disk, by partition.

v2 is flexible, v3 has an error for the whole request, v4 tells total and usable bytes (KIP-827), v5 whether a
directory is cordoned (KIP-1066). There is one directory, `log.dirs`; nothing moves between directories.
"""

from __future__ import annotations

from broker.data_directory import disk_space
from broker.handlers.services import Services
from broker.request import RequestContext
from protocol.messages.log_dirs import (
    DescribeLogDirsPartition,
    DescribeLogDirsRequest,
    DescribeLogDirsResponse,
    DescribeLogDirsResult,
    DescribeLogDirsTopic,
)


def handle(services: Services, context: RequestContext, request: DescribeLogDirsRequest) -> DescribeLogDirsResponse:
    wanted = None if request.topics is None else {topic.topic: set(topic.partitions) for topic in request.topics}
    space = disk_space(services.logs.data_directory)
    result = DescribeLogDirsResult(
        log_dir=services.logs.data_directory, total_bytes=space.total_bytes, usable_bytes=space.usable_bytes
    )
    topics: dict[str, DescribeLogDirsTopic] = {}
    for partition in services.partitions:
        if wanted is not None and partition.index not in wanted.get(partition.topic, ()):
            continue
        topic = topics.setdefault(partition.topic, DescribeLogDirsTopic(name=partition.topic))
        topic.partitions.append(
            DescribeLogDirsPartition(
                partition_index=partition.index,
                partition_size=partition.log.size_bytes,
                # How far this replica is behind what is committed; never, for a leader.
                offset_lag=max(0, partition.high_watermark - partition.log.log_end_offset),
                is_future_key=False,
            )
        )
    result.topics = list(topics.values())
    return DescribeLogDirsResponse(results=[result])
