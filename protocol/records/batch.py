"""A record batch v2 as a view: its header unpacked, its bytes left where they are.

What a broker changes about a batch lies in the first 16 bytes, outside the checksum (base offset and leader
epoch, `stamp`), or in two fields of the header (`restamp_log_append_time`). Everything else is stored and
served as the producer wrote it.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct, error
from typing import NamedTuple

from crc32c import crc32c

from protocol.errors import ErrorCode, KafkaError
from protocol.records.compression import Buffer, Compression, compress, compression_of, decompress

RECORD_BATCH_HEADER_SIZE = 61
LOG_OVERHEAD = 12  # base offset and batch length, which batch length does not count
MAGIC_V2 = 2
MAGIC_POSITION = 16
CHECKED_FROM = 21  # the checksum covers everything from the attributes on

_BATCH_LENGTH_MIN = RECORD_BATCH_HEADER_SIZE - LOG_OVERHEAD

COMPRESSION_MASK = 0x07
LOG_APPEND_TIME_BIT = 0x08
TRANSACTIONAL_BIT = 0x10
CONTROL_BIT = 0x20
DELETE_HORIZON_BIT = 0x40

_HEADER = Struct(">qiibIhiqqqhii")
_UNCHECKED = Struct(">qiibI")
_CHECKED = Struct(">hiqqqhii")
_STAMP = Struct(">qii")
_LENGTH = Struct(">i")
_unpack_header = _HEADER.unpack_from
# (base offset, batch length, leader epoch, magic, checksum) as the 21 bytes in front of what the checksum is of.
pack_unchecked = _UNCHECKED.pack


class BatchHeader(NamedTuple):
    """The 61 bytes, in wire order, by Kafka's names. A tuple because unpacking fills it in one step."""

    base_offset: int
    batch_length: int
    partition_leader_epoch: int
    magic: int
    crc: int
    attributes: int
    last_offset_delta: int
    base_timestamp: int
    max_timestamp: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    record_count: int

    @property
    def size_bytes(self) -> int:
        return LOG_OVERHEAD + self.batch_length

    @property
    def last_offset(self) -> int:
        return self.base_offset + self.last_offset_delta

    @property
    def next_offset(self) -> int:
        return self.base_offset + self.last_offset_delta + 1

    @property
    def last_sequence(self) -> int:
        """Sequences wrap from 2^31 - 1 to 0; -1 where the batch carries none."""
        if self.base_sequence < 0:
            return self.base_sequence
        return (self.base_sequence + self.last_offset_delta) & 0x7FFF_FFFF

    @property
    def compression(self) -> Compression:
        """INVALID_RECORD for a codec that does not exist."""
        return compression_of(self.attributes)

    @property
    def is_log_append_time(self) -> bool:
        return bool(self.attributes & LOG_APPEND_TIME_BIT)

    @property
    def is_transactional(self) -> bool:
        return bool(self.attributes & TRANSACTIONAL_BIT)

    @property
    def is_control(self) -> bool:
        return bool(self.attributes & CONTROL_BIT)

    @property
    def has_producer_id(self) -> bool:
        return self.producer_id > -1

    @property
    def has_delete_horizon(self) -> bool:
        """The cleaner's mark: base_timestamp is then the time from which tombstones may go."""
        return bool(self.attributes & DELETE_HORIZON_BIT)


def read_batch_header(buf: Buffer, position: int = 0) -> BatchHeader:
    """The header of the batch at `position`, which lies in `buf` as a whole, or else CORRUPT_MESSAGE."""
    try:
        header: BatchHeader = tuple.__new__(BatchHeader, _unpack_header(buf, position))
    except error:
        raise _corrupt(f"{len(buf) - position} bytes at {position} are less than a batch header") from None
    if header[3] != MAGIC_V2 or not _BATCH_LENGTH_MIN <= header[1] <= len(buf) - position - LOG_OVERHEAD:
        peek_batch_header(buf, position)
        raise _corrupt(f"the batch at {position} is longer than the {len(buf) - position} bytes left")
    return header


def peek_batch_header(buf: Buffer, position: int = 0) -> BatchHeader:
    """The header at `position`, of which only the 61 bytes need be there (for scanning a file).

    CORRUPT_MESSAGE for another magic or a length that cannot be."""
    try:
        header: BatchHeader = tuple.__new__(BatchHeader, _unpack_header(buf, position))
    except error:
        raise _corrupt(f"{len(buf) - position} bytes at {position} are less than a batch header") from None
    if header[3] != MAGIC_V2:
        raise _corrupt(f"the batch at {position} has magic {header[3]}, not 2")
    if header[1] < _BATCH_LENGTH_MIN:
        raise _corrupt(f"the batch at {position} says it is {header[1]} bytes long, less than its header")
    return header


def iterate_batches(buf: Buffer) -> Iterator[tuple[int, BatchHeader]]:
    """(position, header) of every batch; CORRUPT_MESSAGE if the last one is cut or is none."""
    position = 0
    while position < len(buf):
        header = read_batch_header(buf, position)
        yield position, header
        position += LOG_OVERHEAD + header.batch_length


# The fields of a BatchHeader.
HeaderFields = tuple[int, int, int, int, int, int, int, int, int, int, int, int, int]


def iterate_checked_batches(buf: memoryview) -> Iterator[tuple[int, HeaderFields]]:
    """(position, header fields) of every batch, whose checksum is the one it says; CORRUPT_MESSAGE where one is not.

    Hot: once per batch that a follower fetched. What `iterate_batches` and `verify_crc` do, without a call for each."""
    position, end = 0, len(buf)
    while position < end:
        if end - position < RECORD_BATCH_HEADER_SIZE:
            read_batch_header(buf, position)
        header: HeaderFields = _unpack_header(buf, position)
        end_of_batch = position + LOG_OVERHEAD + header[1]
        if header[3] != MAGIC_V2 or header[1] < _BATCH_LENGTH_MIN or end_of_batch > end:
            read_batch_header(buf, position)  # says what is wrong
        if crc32c(buf[position + CHECKED_FROM : end_of_batch]) != header[4]:
            raise _wrong_checksum(position, header[4])
        yield position, header
        position = end_of_batch


def verify_crc(buf: Buffer, position: int, header: BatchHeader) -> None:
    """CORRUPT_MESSAGE unless the CRC-32C over everything from the attributes on is the header's."""
    end = position + LOG_OVERHEAD + header[1]
    if crc32c(memoryview(buf)[position + CHECKED_FROM : end]) != header[4]:
        raise _wrong_checksum(position, header[4])


def _wrong_checksum(position: int, said: int) -> KafkaError:
    return _corrupt(f"the batch at {position} does not have the checksum {said:#010x} it says")


def stamp_prefix(header: BatchHeader, base_offset: int, partition_leader_epoch: int) -> bytes:
    """The first 16 bytes of the batch as the leader stores it; they replace its first 16, nothing else moves.

    For writers that gather buffers, which then need no copy of the rest."""
    return _STAMP.pack(base_offset, header.batch_length, partition_leader_epoch)


def stamp(batch: Buffer, base_offset: int, partition_leader_epoch: int) -> bytes:
    """The batch at its place in the log. Both fields are outside the checksum."""
    view = memoryview(batch)
    (length,) = _LENGTH.unpack_from(view, 8)
    assert LOG_OVERHEAD + length == len(view), "one whole batch"
    return b"".join((_STAMP.pack(base_offset, length, partition_leader_epoch), view[MAGIC_POSITION:]))


def restamp_log_append_time(batch: Buffer, now_ms: int) -> bytes:
    """The batch with LogAppendTime `now_ms` for all its records; they are not touched or unpacked."""
    header = read_batch_header(batch)
    attributes = header.attributes | LOG_APPEND_TIME_BIT
    block = memoryview(batch)[RECORD_BATCH_HEADER_SIZE : header.size_bytes]
    return assemble(header._replace(attributes=attributes, max_timestamp=now_ms), block)


def recompress(batch: Buffer, codec: Compression, level: int | None = None, *, decompressed_bytes_max: int) -> bytes:
    """The batch with its records packed by `codec`; header fields and records stay as they are."""
    header = read_batch_header(batch)
    block = memoryview(batch)[RECORD_BATCH_HEADER_SIZE : header.size_bytes]
    records = decompress(header.compression, block, decompressed_bytes_max=decompressed_bytes_max)
    attributes = header.attributes & ~COMPRESSION_MASK | codec
    return assemble(header._replace(attributes=attributes), compress(codec, records, level))


def empty_batch(header: BatchHeader) -> bytes:
    """The batch without its records: what compaction keeps so that offsets and producer state stay known."""
    attributes = header.attributes & ~COMPRESSION_MASK
    return assemble(header._replace(attributes=attributes, record_count=0), b"")


def assemble(header: BatchHeader, block: Buffer) -> bytes:
    """Header and records as bytes; batch length and checksum are computed, the header's own are ignored."""
    checked = _CHECKED.pack(*header[5:])
    crc = crc32c(block, crc32c(checked))
    length = RECORD_BATCH_HEADER_SIZE - LOG_OVERHEAD + len(block)
    head = _UNCHECKED.pack(header[0], length, header[2], MAGIC_V2, crc)
    return b"".join((head, checked, block))


def _corrupt(message: str) -> KafkaError:
    return KafkaError(ErrorCode.CORRUPT_MESSAGE, message)
