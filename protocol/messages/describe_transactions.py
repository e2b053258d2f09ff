"""DescribeTransactions (API key 65): the state of transactional ids (KIP-664)."""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import Array, Int16, Int32, Int64, Request, Response, String, Struct, field


class DescribeTransactionsRequest(Request, api=ApiKey.DESCRIBE_TRANSACTIONS, versions=(0, 0), flexible_since=0):
    transactional_ids: Array[String] = field()


class DescribeTransactionsResponse(Response, api=ApiKey.DESCRIBE_TRANSACTIONS, versions=(0, 0), flexible_since=0):
    throttle_time_ms: Int32 = 0
    transaction_states: Array[TransactionState] = field()


class TransactionState(Struct):
    error_code: Int16 = 0
    transactional_id: String = ""
    transaction_state: String = ""
    transaction_timeout_ms: Int32 = 0
    transaction_start_time_ms: Int64 = 0
    producer_id: Int64 = 0
    producer_epoch: Int16 = 0
    topics: Array[TopicData] = field()


class TopicData(Struct):
    topic: String = ""
    partitions: Array[Int32] = field()
