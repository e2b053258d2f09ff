"""EndTxn (API key 26): commit or abort a transaction (KIP-98).

v2    PRODUCER_FENCED may be answered (KIP-588)
v3    flexible
v4    TRANSACTION_ABORTABLE may be answered (KIP-890)
v5    the epoch is bumped, and comes back with the producer id (KIP-890, part 2)
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import Boolean, Int16, Int32, Int64, Request, Response, String, field


class EndTxnRequest(Request, api=ApiKey.END_TXN, versions=(0, 5), flexible_since=3):
    transactional_id: String = ""
    producer_id: Int64 = 0
    producer_epoch: Int16 = 0
    committed: Boolean = False


class EndTxnResponse(Response, api=ApiKey.END_TXN, versions=(0, 5), flexible_since=3):
    throttle_time_ms: Int32 = 0
    error_code: Int16 = 0
    producer_id: Int64 = field(since=5, default=-1)
    producer_epoch: Int16 = field(since=5, default=-1)
