"""AddPartitionsToTxn (API key 24): partitions that a transaction is about to write to (KIP-98).

v2    PRODUCER_FENCED may be answered (KIP-588)
v3    flexible
v4    between brokers only: several transactions at once, verify_only (KIP-890)
v5    TRANSACTION_ABORTABLE may be answered (KIP-890)
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import Array, Boolean, Int16, Int32, Int64, Request, Response, String, Struct, field


class AddPartitionsToTxnRequest(Request, api=ApiKey.ADD_PARTITIONS_TO_TXN, versions=(0, 5), flexible_since=3):
    transactions: Array[AddPartitionsToTxnTransaction] = field(since=4)
    v3_and_below_transactional_id: String = field(until=3)
    v3_and_below_producer_id: Int64 = field(until=3)
    v3_and_below_producer_epoch: Int16 = field(until=3)
    v3_and_below_topics: Array[AddPartitionsToTxnTopic] = field(until=3)


class AddPartitionsToTxnTransaction(Struct):
    transactional_id: String = ""
    producer_id: Int64 = 0
    producer_epoch: Int16 = 0
    verify_only: Boolean = False
    topics: Array[AddPartitionsToTxnTopic] = field()


class AddPartitionsToTxnTopic(Struct):
    name: String = ""
    partitions: Array[Int32] = field()


class AddPartitionsToTxnResponse(Response, api=ApiKey.ADD_PARTITIONS_TO_TXN, versions=(0, 5), flexible_since=3):
    throttle_time_ms: Int32 = 0
    error_code: Int16 = field(since=4)
    results_by_transaction: Array[AddPartitionsToTxnResult] = field(since=4)
    results_by_topic_v3_and_below: Array[AddPartitionsToTxnTopicResult] = field(until=3)


class AddPartitionsToTxnResult(Struct):
    transactional_id: String = ""
    topic_results: Array[AddPartitionsToTxnTopicResult] = field()


class AddPartitionsToTxnTopicResult(Struct):
    name: String = ""
    results_by_partition: Array[AddPartitionsToTxnPartitionResult] = field()


class AddPartitionsToTxnPartitionResult(Struct):
    partition_index: Int32 = 0
    partition_error_code: Int16 = 0
