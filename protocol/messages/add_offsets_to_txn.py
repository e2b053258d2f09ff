"""AddOffsetsToTxn (API key 25): a group whose offsets a transaction is about to commit (KIP-98).

v2    PRODUCER_FENCED may be answered (KIP-588)
v3    flexible
v4    TRANSACTION_ABORTABLE may be answered (KIP-890)
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import Int16, Int32, Int64, Request, Response, String


class AddOffsetsToTxnRequest(Request, api=ApiKey.ADD_OFFSETS_TO_TXN, versions=(0, 4), flexible_since=3):
    transactional_id: String = ""
    producer_id: Int64 = 0
    producer_epoch: Int16 = 0
    group_id: String = ""


class AddOffsetsToTxnResponse(Response, api=ApiKey.ADD_OFFSETS_TO_TXN, versions=(0, 4), flexible_since=3):
    throttle_time_ms: Int32 = 0
    error_code: Int16 = 0
