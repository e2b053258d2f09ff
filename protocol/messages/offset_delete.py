"""OffsetDelete (API key 47): forget committed offsets of topics that a group does not subscribe to (KIP-496).

Never flexible.
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import Array, Int16, Int32, Request, Response, String, Struct, field


class OffsetDeleteRequest(Request, api=ApiKey.OFFSET_DELETE, versions=(0, 0)):
    group_id: String = ""
    topics: Array[OffsetDeleteRequestTopic] = field()


class OffsetDeleteRequestTopic(Struct):
    name: String = ""
    partitions: Array[OffsetDeleteRequestPartition] = field()


class OffsetDeleteRequestPartition(Struct):
    partition_index: Int32 = 0


class OffsetDeleteResponse(Response, api=ApiKey.OFFSET_DELETE, versions=(0, 0)):
    error_code: Int16 = 0
    throttle_time_ms: Int32 = 0
    topics: Array[OffsetDeleteResponseTopic] = field()


class OffsetDeleteResponseTopic(Struct):
    name: String = ""
    partitions: Array[OffsetDeleteResponsePartition] = field()


class OffsetDeleteResponsePartition(Struct):
    partition_index: Int32 = 0
    error_code: Int16 = 0
