"""WriteTxnMarkers (API key 27): the transaction coordinator ends transactions on partitions (KIP-98).

v1    flexible
v2    transaction_version (KIP-1228)
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import Array, Boolean, Int8, Int16, Int32, Int64, Request, Response, String, Struct, field


class WriteTxnMarkersRequest(Request, api=ApiKey.WRITE_TXN_MARKERS, versions=(0, 2), flexible_since=1):
    markers: Array[WritableTxnMarker] = field()


class WritableTxnMarker(Struct):
    producer_id: Int64 = 0
    producer_epoch: Int16 = 0
    transaction_result: Boolean = False
    topics: Array[WritableTxnMarkerTopic] = field()
    coordinator_epoch: Int32 = 0
    transaction_version: Int8 = field(since=2)


class WritableTxnMarkerTopic(Struct):
    name: String = ""
    partition_indexes: Array[Int32] = field()


class WriteTxnMarkersResponse(Response, api=ApiKey.WRITE_TXN_MARKERS, versions=(0, 2), flexible_since=1):
    markers: Array[WritableTxnMarkerResult] = field()


class WritableTxnMarkerResult(Struct):
    producer_id: Int64 = 0
    topics: Array[WritableTxnMarkerTopicResult] = field()


class WritableTxnMarkerTopicResult(Struct):
    name: String = ""
    partitions: Array[WritableTxnMarkerPartitionResult] = field()


class WritableTxnMarkerPartitionResult(Struct):
    partition_index: Int32 = 0
    error_code: Int16 = 0
