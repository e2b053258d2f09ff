"""ListTransactions (API key 66): the transactional ids of a coordinator (KIP-664).

v1    duration_filter (KIP-994)
v2    transactional_id_pattern (KIP-1152)
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import Array, Int16, Int32, Int64, NullableString, Request, Response, String, Struct, field


class ListTransactionsRequest(Request, api=ApiKey.LIST_TRANSACTIONS, versions=(0, 2), flexible_since=0):
    state_filters: Array[String] = field()
    producer_id_filters: Array[Int64] = field()
    duration_filter: Int64 = field(since=1, default=-1)
    transactional_id_pattern: NullableString = field(since=2, default=None)


class ListTransactionsResponse(Response, api=ApiKey.LIST_TRANSACTIONS, versions=(0, 2), flexible_since=0):
    throttle_time_ms: Int32 = 0
    error_code: Int16 = 0
    unknown_state_filters: Array[String] = field()
    transaction_states: Array[TransactionState] = field()


class TransactionState(Struct):
    transactional_id: String = ""
    producer_id: Int64 = 0
    transaction_state: String = ""
