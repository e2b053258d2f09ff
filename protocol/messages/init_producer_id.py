"""InitProducerId (API key 22): a producer id and epoch, for idempotence or a transactional id (KIP-98).

v2    flexible
v3    the producer's present id and epoch, to bump the epoch (KIP-360)
v4    PRODUCER_FENCED may be answered (KIP-588)
v5    TRANSACTION_ABORTABLE may be answered (KIP-890)
v6    two-phase commit (KIP-939); not stable yet, so never advertised
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import Boolean, Int16, Int32, Int64, NullableString, Request, Response, field


class InitProducerIdRequest(Request, api=ApiKey.INIT_PRODUCER_ID, versions=(0, 5), flexible_since=2, latest_unstable=6):
    transactional_id: NullableString = ""
    transaction_timeout_ms: Int32 = 0
    producer_id: Int64 = field(since=3, default=-1)
    producer_epoch: Int16 = field(since=3, default=-1)
    enable2_pc: Boolean = field(since=6)
    keep_prepared_txn: Boolean = field(since=6)


class InitProducerIdResponse(
    Response, api=ApiKey.INIT_PRODUCER_ID, versions=(0, 5), flexible_since=2, latest_unstable=6
):
    throttle_time_ms: Int32 = 0
    error_code: Int16 = 0
    producer_id: Int64 = -1
    producer_epoch: Int16 = 0
    ongoing_txn_producer_id: Int64 = field(since=6, default=-1)
    ongoing_txn_producer_epoch: Int16 = field(since=6, default=-1)
