"""Record batches: how records travel and how they lie in a log, as views over bytes.

A batch v2 (magic 2), all numbers big-endian:

    0   8  base offset             set by the leader ┐
    8   4  batch length            bytes after this  │ not under the checksum
    12  4  partition leader epoch  set by the leader │
    16  1  magic (2)                                 ┘
    17  4  CRC-32C of everything from 21 on
    21  2  attributes: bits 0-2 codec (0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd), 3 LogAppendTime,
           4 transactional, 5 control, 6 delete horizon (the base timestamp is then that horizon)
    23  4  last offset delta
    27  8  base timestamp in ms
    35  8  max timestamp in ms
    43  8  producer id
    51  2  producer epoch
    53  4  base sequence
    57  4  record count
    61  …  records, compressed as one block where there is a codec

Malformed input is a KafkaError and nothing else. What is wrong before or about the checksum (cut, of another
magic, damaged on the way) is CORRUPT_MESSAGE, which a client may retry; what is wrong inside although the
checksum holds (counts, offsets, lengths, over-long varints, broken or oversized compressed blocks) is
INVALID_RECORD, which it may not. Kafka draws the line in the same place, except that a broken compressed block
is UNKNOWN_SERVER_ERROR there.
"""

from __future__ import annotations

from protocol.records.batch import (
    CONTROL_BIT,
    LOG_OVERHEAD,
    RECORD_BATCH_HEADER_SIZE,
    TRANSACTIONAL_BIT,
    BatchHeader,
    HeaderFields,
    empty_batch,
    iterate_batches,
    iterate_checked_batches,
    pack_unchecked,
    peek_batch_header,
    read_batch_header,
    recompress,
    restamp_log_append_time,
    stamp,
    stamp_prefix,
    verify_crc,
)
from protocol.records.build import build_batch
from protocol.records.check import CheckedRecords, check_records, null_key_indexes
from protocol.records.compression import Buffer, Compression, compress, decompress
from protocol.records.control import (
    ControlType,
    EndTransactionMarker,
    end_transaction_marker,
    read_control_type,
    read_end_transaction_marker,
)
from protocol.records.conversion import convert_down, convert_up
from protocol.records.legacy import MessageSet, is_legacy, read_message_set, write_message_set
from protocol.records.plain import PLAIN_BATCH_BYTES_MAX, PLAIN_BATCH_BYTES_MIN, read_plain_batch
from protocol.records.record import Header, Record, read_records

__all__ = [
    "CONTROL_BIT",
    "LOG_OVERHEAD",
    "PLAIN_BATCH_BYTES_MAX",
    "PLAIN_BATCH_BYTES_MIN",
    "RECORD_BATCH_HEADER_SIZE",
    "TRANSACTIONAL_BIT",
    "BatchHeader",
    "Buffer",
    "CheckedRecords",
    "Compression",
    "ControlType",
    "EndTransactionMarker",
    "Header",
    "HeaderFields",
    "MessageSet",
    "Record",
    "build_batch",
    "check_records",
    "compress",
    "convert_down",
    "convert_up",
    "decompress",
    "empty_batch",
    "end_transaction_marker",
    "is_legacy",
    "iterate_batches",
    "iterate_checked_batches",
    "null_key_indexes",
    "pack_unchecked",
    "peek_batch_header",
    "read_batch_header",
    "read_control_type",
    "read_end_transaction_marker",
    "read_message_set",
    "read_plain_batch",
    "read_records",
    "recompress",
    "restamp_log_append_time",
    "stamp",
    "stamp_prefix",
    "verify_crc",
    "write_message_set",
]
