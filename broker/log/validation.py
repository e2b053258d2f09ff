"""What a produced batch must be before it gets an offset, and how it is brought into the topic's form.

Order, as Kafka's: one batch (older formats become one) → size → checksum → who may set which attribute → every
record's structure, timestamps and keys → compression and timestamp type of the topic. The bytes are copied only
where something has to change.
"""

from __future__ import annotations

from crc32c import crc32c

from broker.log.disk import Buffer
from broker.log.log_config import LONG_MAX, LogConfig
from broker.log.results import AppendOrigin, InvalidRecords
from protocol.errors import ErrorCode, KafkaError
from protocol.records import (
    RECORD_BATCH_HEADER_SIZE,
    BatchHeader,
    CheckedRecords,
    Record,
    build_batch,
    check_records,
    convert_up,
    is_legacy,
    null_key_indexes,
    read_batch_header,
    read_records,
    recompress,
    restamp_log_append_time,
    verify_crc,
)

# A batch is unpacked to be checked. What compresses better than this is an attack on our memory, not data.
DECOMPRESSED_BYTES_MAX = 1024 * 1024 * 1024

NO_TIMESTAMP = -1

Validated = tuple[Buffer, BatchHeader, int]


def validate(records: Buffer, config: LogConfig, origin: AppendOrigin, now_ms: int) -> Validated:
    """(batch in the topic's form, its header, log append time or -1). Raises KafkaError; see the module's order.

    Hot: once per produced batch. The common one passes without a copy; header fields go by their place, and a
    function is called only where there is something to look at (a call costs as much as the checksum)."""
    if len(records) < RECORD_BATCH_HEADER_SIZE or records[16] != 2:
        records = _convert_up(records)
    header = read_batch_header(records)
    size = header[1] + 12
    if size != len(records):
        raise KafkaError(ErrorCode.INVALID_RECORD, "a produce request carries one record batch per partition")
    if size > config.max_message_bytes or size > config.segment_bytes:
        raise _too_large(size, config)
    if crc32c(memoryview(records)[21:]) != header[4]:
        verify_crc(records, 0, header)
    attributes = header[5]
    if origin is AppendOrigin.CLIENT:
        if attributes & 0x30 or header[0] or header[9] >= 0 > header[11]:
            _check_client_attributes(header)
    elif attributes & 0x20:
        return records, header, -1
    checked = check_records(records, 0, header, decompressed_bytes_max=DECOMPRESSED_BYTES_MAX)
    if checked[3] and config.compact:
        raise _null_keys(records, header)
    if not config.log_append_time and (
        checked[2] > now_ms + config.message_timestamp_after_max_ms
        or checked[2] != header[8]
        or attributes & 0x08
        or config.message_timestamp_before_max_ms != LONG_MAX
    ):
        records, header = _check_timestamps(records, header, checked, config, now_ms)
    codec = config.target_compression
    if codec is not None and codec != attributes & 7:
        records = recompress(records, codec, config.compression_level, decompressed_bytes_max=DECOMPRESSED_BYTES_MAX)
        header = _resized(records, config)
    if config.log_append_time:
        records = restamp_log_append_time(records, now_ms)
        return records, read_batch_header(records), now_ms
    return records, header, -1


def _convert_up(records: Buffer) -> Buffer:
    """Message sets of magic 0 and 1 as one batch; anything else that is no batch is refused by who reads its header."""
    if is_legacy(records):
        return convert_up(records, decompressed_bytes_max=DECOMPRESSED_BYTES_MAX)
    return records


def _resized(records: Buffer, config: LogConfig) -> BatchHeader:
    header = read_batch_header(records)
    if len(records) > config.max_message_bytes or len(records) > config.segment_bytes:
        raise _too_large(len(records), config)
    return header


def _too_large(size: int, config: LogConfig) -> KafkaError:
    if size > config.max_message_bytes:
        return KafkaError(
            ErrorCode.MESSAGE_TOO_LARGE,
            f"the batch has {size} bytes, more than max.message.bytes={config.max_message_bytes}",
        )
    return KafkaError(
        ErrorCode.RECORD_LIST_TOO_LARGE,
        f"the batch has {size} bytes, more than a segment (segment.bytes={config.segment_bytes})",
    )


def _check_client_attributes(header: BatchHeader) -> None:
    """A client numbers its batch from 0, writes no control batches, and gives a sequence with its producer id."""
    if header[5] & 0x20:
        raise KafkaError(ErrorCode.INVALID_RECORD, "clients may not write control batches")
    if header[0] != 0:
        raise KafkaError(ErrorCode.INVALID_RECORD, f"a produced batch has base offset 0, not {header[0]}")
    if header[9] >= 0:
        if header[11] < 0:
            raise KafkaError(
                ErrorCode.INVALID_RECORD, f"producer {header[9]} gives the sequence {header[11]} with its batch"
            )
    elif header.is_transactional:
        raise KafkaError(ErrorCode.INVALID_RECORD, "a transactional batch needs a producer id")


def _check_timestamps(
    records: Buffer, header: BatchHeader, checked: CheckedRecords, config: LogConfig, now_ms: int
) -> tuple[Buffer, BatchHeader]:
    if header[5] & 8:
        raise KafkaError(
            ErrorCode.INVALID_TIMESTAMP, "the topic has CreateTime; a producer may not mark its batch LogAppendTime"
        )
    latest = now_ms + config.message_timestamp_after_max_ms
    before_max_ms = config.message_timestamp_before_max_ms
    earliest = now_ms - before_max_ms if before_max_ms != LONG_MAX else -LONG_MAX
    if checked.max_timestamp > latest or checked.min_timestamp < earliest:
        _refuse_timestamps(records, header, earliest, latest)
    if checked.max_timestamp != header[8]:
        # The indexes and retention go by the header, so what it says is made true.
        rows = read_records(records, 0, header, decompressed_bytes_max=DECOMPRESSED_BYTES_MAX)
        records = _rebuild(header, rows)
        header = read_batch_header(records)
    return records, header


def _refuse_timestamps(records: Buffer, header: BatchHeader, earliest: int, latest: int) -> None:
    rows = read_records(records, 0, header, decompressed_bytes_max=DECOMPRESSED_BYTES_MAX)
    errors = [
        (index, f"timestamp {row.timestamp} is outside of [{earliest}, {latest}]")
        for index, row in enumerate(rows)
        # A record without a timestamp has none that could be wrong.
        if row.timestamp != NO_TIMESTAMP and not earliest <= row.timestamp <= latest
    ]
    if errors:
        raise InvalidRecords(ErrorCode.INVALID_TIMESTAMP, errors[0][1], errors)


def _rebuild(header: BatchHeader, rows: list[Record]) -> bytes:
    return build_batch(
        rows,
        base_offset=header.base_offset,
        compression=header.compression,
        producer_id=header.producer_id,
        producer_epoch=header.producer_epoch,
        base_sequence=header.base_sequence,
        transactional=header.is_transactional,
    )


def _null_keys(records: Buffer, header: BatchHeader) -> InvalidRecords:
    indexes = null_key_indexes(records, 0, header, decompressed_bytes_max=DECOMPRESSED_BYTES_MAX)
    message = "a compacted topic accepts no record without a key"
    return InvalidRecords(ErrorCode.INVALID_RECORD, message, [(index, message) for index in indexes])
