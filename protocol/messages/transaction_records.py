"""TransactionLogKey, TransactionLogValue."""

from __future__ import annotations

from protocol.schema import Array, Int8, Int16, Int32, Int64, Message, NullableArray, String, Struct, field


class TransactionLogKey(Message, versions=(0, 0)):
    transactional_id: String = ""


class TransactionLogValue(Message, versions=(0, 1), flexible_since=1):
    producer_id: Int64 = 0
    previous_producer_id: Int64 = field(since=1, tag=0, default=-1)
    next_producer_id: Int64 = field(since=1, tag=1, default=-1)
    producer_epoch: Int16 = 0
    next_producer_epoch: Int16 = field(since=1, tag=3, default=-1)
    transaction_timeout_ms: Int32 = 0
    transaction_status: Int8 = 0
    transaction_partitions: NullableArray[PartitionsSchema] = field()
    transaction_last_update_timestamp_ms: Int64 = 0
    transaction_start_timestamp_ms: Int64 = 0
    client_transaction_version: Int16 = field(since=1, tag=2)


class PartitionsSchema(Struct):
    topic: String = ""
    partition_ids: Array[Int32] = field()
