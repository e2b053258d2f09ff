"""Keys and values of `__transaction_state`.

A key is its type (0) as int16 and the fields; a value its version as int16 and the fields. A null value is a
tombstone. transaction_status: 0 empty, 1 ongoing, 2 prepare commit, 3 prepare abort, 4 complete commit,
5 complete abort, 6 dead, 7 prepare epoch fence.

v1    flexible; producer ids and epochs of KIP-890
"""

from __future__ import annotations

from protocol.schema import Array, Int8, Int16, Int32, Int64, Message, NullableArray, String, Struct, field
from protocol.versioned import decode_body, decode_versioned, encode_prefixed, encode_versioned, read_prefix

TRANSACTION_LOG_KEY_TYPE = 0


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


def encode_key(key: TransactionLogKey) -> bytes:
    return encode_prefixed(TRANSACTION_LOG_KEY_TYPE, key, 0)


def decode_key(data: bytes | memoryview) -> TransactionLogKey | None:
    """The key of a record; None if it is of a type that we do not know."""
    if read_prefix(data) != TRANSACTION_LOG_KEY_TYPE:
        return None
    return decode_body(TransactionLogKey, 0, data)


def encode_value(value: TransactionLogValue, version: int) -> bytes:
    return encode_versioned(value, version)


def decode_value(data: bytes | memoryview) -> TransactionLogValue:
    return decode_versioned(TransactionLogValue, data)
