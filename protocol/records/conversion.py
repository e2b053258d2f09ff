"""Between message sets (magic 0 and 1) and record batches v2: up on Produce 0-2, down on Fetch 0-3."""

from __future__ import annotations

from protocol.records.batch import iterate_batches, verify_crc
from protocol.records.build import build_batch
from protocol.records.compression import Buffer, Compression
from protocol.records.legacy import read_message_set, write_message_set
from protocol.records.record import read_records
from protocol.records.varint import invalid_record


def convert_up(message_set: Buffer, *, decompressed_bytes_max: int, base_offset: int = 0) -> bytes:
    """The message set of one partition of a Produce request as one batch v2 of the same codec.

    Offsets are numbered anew from `base_offset`, as for every produced batch. Create and log-append times
    stay; a message of magic 0 has the timestamp -1. CORRUPT_MESSAGE, INVALID_RECORD (also for an empty set)
    or, for zstd, UNSUPPORTED_COMPRESSION_TYPE."""
    records, compression, log_append_time = read_message_set(message_set, decompressed_bytes_max=decompressed_bytes_max)
    if not records:
        raise invalid_record("a message set is empty")
    for offset, record in enumerate(records, base_offset):
        record.offset = offset
    return build_batch(
        records,
        base_offset=base_offset,
        compression=compression,
        log_append_time_ms=max([record.timestamp for record in records]) if log_append_time else None,
    )


def convert_down(batches: Buffer, magic: int, *, decompressed_bytes_max: int, first_offset: int = 0) -> bytes:
    """Batches v2 as messages of `magic` (Fetch 0-1: 0, Fetch 2-3: 1) at the same offsets.

    Control batches and headers have no counterpart and are left out. Compressed batches become one wrapper
    each, of the same codec; of the others the records below `first_offset`, the fetch offset, are left out.
    `decompressed_bytes_max` is for each batch. UNSUPPORTED_COMPRESSION_TYPE for zstd, as Kafka answers it."""
    assert magic in (0, 1), magic
    parts = []
    for position, header in iterate_batches(batches):
        verify_crc(batches, position, header)
        if header.is_control:
            continue
        compression = header.compression
        if compression is Compression.ZSTD:
            parts.append(write_message_set([], magic, compression))
            continue
        records = read_records(batches, position, header, decompressed_bytes_max=decompressed_bytes_max)
        if compression is Compression.NONE:
            records = [record for record in records if record.offset >= first_offset]
        parts.append(write_message_set(records, magic, compression, log_append_time=header.is_log_append_time))
    return b"".join(parts)
