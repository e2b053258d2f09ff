"""TxnOffsetCommit (API key 28): offsets that count once their transaction is committed (KIP-98).

v2    committed_leader_epoch (KIP-320)
v3    flexible; generation, member_id and group_instance_id fence zombies (KIP-447)
v4    TRANSACTION_ABORTABLE may be answered (KIP-890)
v5    adds the group to the transaction by itself (KIP-890, part 2)
v6    topics by id instead of name
"""

from __future__ import annotations

from protocol.api_keys import ApiKey
from protocol.schema import Array, Int16, Int32, Int64, NullableString, Request, Response, String, Struct, Uuid, field


class TxnOffsetCommitRequest(Request, api=ApiKey.TXN_OFFSET_COMMIT, versions=(0, 6), flexible_since=3):
    transactional_id: String = ""
    group_id: String = ""
    producer_id: Int64 = 0
    producer_epoch: Int16 = 0
    generation_id_or_member_epoch: Int32 = field(since=3, default=-1)
    member_id: String = field(since=3)
    group_instance_id: NullableString = field(since=3, default=None)
    topics: Array[TxnOffsetCommitRequestTopic] = field()


class TxnOffsetCommitRequestTopic(Struct):
    name: String = field(until=5)
    topic_id: Uuid = field(since=6)
    partitions: Array[TxnOffsetCommitRequestPartition] = field()


class TxnOffsetCommitRequestPartition(Struct):
    partition_index: Int32 = 0
    committed_offset: Int64 = 0
    committed_leader_epoch: Int32 = field(since=2, default=-1)
    committed_metadata: NullableString = ""


class TxnOffsetCommitResponse(Response, api=ApiKey.TXN_OFFSET_COMMIT, versions=(0, 6), flexible_since=3):
    throttle_time_ms: Int32 = 0
    topics: Array[TxnOffsetCommitResponseTopic] = field()


class TxnOffsetCommitResponseTopic(Struct):
    name: String = field(until=5)
    topic_id: Uuid = field(since=6)
    partitions: Array[TxnOffsetCommitResponsePartition] = field()


class TxnOffsetCommitResponsePartition(Struct):
    partition_index: Int32 = 0
    error_code: Int16 = 0
