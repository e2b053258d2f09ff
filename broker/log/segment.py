"""One segment: a file of whole batches, and the indexes by which to find an offset or a time in it.

Names are Kafka's: twenty digits of the base offset, then `.log`, `.index`, `.timeindex`, `.txnindex`. Only the
last segment of a log (the active one) is appended. Opening one touches no file: sizes, indexes and timestamps
are looked up when first needed. Offset and time index are made together, as Kafka's tools want them: at a checkpoint
that has an entry for either, or when the segment is sealed. Until then its few batches say what they would.

Invariant: `size_bytes` counts what was written here and verified; the file is never shorter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from crc32c import crc32c

from broker.log.disk import Buffer, Disk
from broker.log.offset_index import OFFSET_ENTRY, OffsetIndex
from broker.log.time_index import NO_TIMESTAMP, TIME_ENTRY, TimeIndex
from broker.log.transaction_index import TransactionIndex
from protocol.errors import KafkaError
from protocol.records import RECORD_BATCH_HEADER_SIZE, BatchHeader, peek_batch_header
from wal import CorruptionError

LOG_SUFFIX = ".log"
INDEX_SUFFIX = ".index"
TIME_INDEX_SUFFIX = ".timeindex"
TRANSACTION_INDEX_SUFFIX = ".txnindex"
SEGMENT_SUFFIXES = (TRANSACTION_INDEX_SUFFIX, INDEX_SUFFIX, TIME_INDEX_SUFFIX, LOG_SUFFIX)

# One read of this many bytes finds the headers of all small batches in it; large ones are hopped over.
SCAN_CHUNK_BYTES = 64 * 1024

# Read at a time while verifying; a batch larger than this is read as a whole.
VERIFY_CHUNK_BYTES = 1024 * 1024

# (last offset, size in bytes, largest timestamp): what the indexes need to know of a batch.
IndexedBatch = tuple[int, int, int]

# Index entries hold offsets relative to the base offset as int32.
RELATIVE_OFFSET_MAX = 2**31 - 1


def segment_stem(directory: str, base_offset: int) -> str:
    return f"{directory}/{base_offset:020d}"


class Segment:
    """A segment by its base offset. `max_timestamp` is the largest timestamp in it, -1 for none."""

    __slots__ = (
        "_bytes_since_entry",
        "_max_timestamp",
        "_size_bytes",
        "base_offset",
        "disk",
        "log_path",
        "offset_index",
        "offset_of_max_timestamp",
        "stem",
        "time_index",
        "transaction_index",
    )

    def __init__(self, disk: Disk, directory: str, base_offset: int, size_bytes: int | None = None) -> None:
        self.disk = disk
        self.base_offset = base_offset
        self.stem = stem = segment_stem(directory, base_offset)
        self.log_path = stem + LOG_SUFFIX
        self.offset_index = OffsetIndex(disk, stem + INDEX_SUFFIX, base_offset)
        self.time_index = TimeIndex(disk, stem + TIME_INDEX_SUFFIX, base_offset)
        self.transaction_index = TransactionIndex(disk, stem + TRANSACTION_INDEX_SUFFIX)
        self._size_bytes = size_bytes
        self._bytes_since_entry = 0
        self._max_timestamp: int | None = None if size_bytes is None else NO_TIMESTAMP
        self.offset_of_max_timestamp = base_offset

    @property
    def size_bytes(self) -> int:
        if self._size_bytes is None:
            self._size_bytes = self.disk.size(self.log_path)
        return self._size_bytes

    @property
    def max_timestamp(self) -> int:
        if self._max_timestamp is None:
            timestamp, self.offset_of_max_timestamp = self.time_index.last()
            self._max_timestamp = timestamp
            if timestamp != NO_TIMESTAMP:
                self._check_youngest(timestamp)
            else:
                self._find_unnoted_youngest()
        return self._max_timestamp

    def _check_youngest(self, timestamp: int) -> None:
        """Retention believes the time index: one that lies would have records deleted too early, or never."""
        try:
            if not self._has_youngest(timestamp):
                self.rebuild_indexes()
        except CorruptionError:
            return  # of the records themselves: told where they are read

    def _find_unnoted_youngest(self) -> None:
        """The time index is empty: batches up to the last entry of the offset index have no timestamps, those behind it
        are few."""
        try:
            self._refresh_max_timestamp(self.trusted_start(self.base_offset + RELATIVE_OFFSET_MAX))
        except CorruptionError:
            return  # told where they are read

    def _has_youngest(self, timestamp: int) -> bool:
        offset = self.offset_of_max_timestamp
        found = self.find_batch(offset) if offset >= self.base_offset and self.size_bytes else None
        return found is not None and found[1].max_timestamp == timestamp

    def append(self, buffers: Sequence[Buffer], batches: Sequence[IndexedBatch], interval_bytes: int) -> None:
        """Write `buffers`, which hold `batches`."""
        size = self.size_bytes
        written = self.disk.append(self.log_path, buffers)
        self.index(batches, interval_bytes)
        assert self._size_bytes == size + written, f"{self.log_path}: the write ended elsewhere than its batches"

    def index(self, batches: Sequence[IndexedBatch], interval_bytes: int) -> None:
        """Note batches that lie in the file from `size_bytes` on; an index entry per `interval_bytes`.

        Hot: runs once per batch of every produce request."""
        position = self.size_bytes
        max_timestamp = self.max_timestamp
        since = self._bytes_since_entry
        for last_offset, size, timestamp in batches:
            if timestamp > max_timestamp:
                max_timestamp = timestamp
                self.offset_of_max_timestamp = last_offset
            if since > interval_bytes:
                self.offset_index.append(last_offset, position)
                self.time_index.append_if_later(max_timestamp, self.offset_of_max_timestamp)
                since = 0
            position += size
            since += size
        self._max_timestamp = max_timestamp
        self._bytes_since_entry = since
        self._size_bytes = position

    def scan(self, position: int = 0, end: int | None = None) -> Iterator[tuple[int, BatchHeader]]:
        """(position, header) of the batches in [position, end). CorruptionError where there is none."""
        return scan_headers(self.disk, self.log_path, position, self.size_bytes if end is None else end)

    def find_batch(self, offset: int) -> tuple[int, BatchHeader] | None:
        """The first batch that ends at or after `offset`, None if all end before it."""
        return next((found for found in self.scan(self._start_for(offset)) if found[1].last_offset >= offset), None)

    def _start_for(self, offset: int) -> int:
        """A batch start at or before `offset`, from the index; one that lies leads to a rebuilt index."""
        last_offset, position = self.offset_index.floor(offset)
        if position == 0 or self._is_batch_start(position, last_offset):
            return position
        self.rebuild_indexes()
        return self.offset_index.floor(offset)[1]

    def _is_batch_start(self, position: int, last_offset: int) -> bool:
        if not 0 <= position < self.size_bytes:
            return False
        data = self.disk.pread(self.log_path, RECORD_BATCH_HEADER_SIZE, position)
        try:
            return peek_batch_header(data).last_offset == last_offset
        except KafkaError:
            return False

    def rebuild_indexes(self, interval_bytes: int = 4096) -> None:
        """Make offset and time index anew from the batches' headers."""
        offsets, times, youngest = build_indexes(self.scan(), self.base_offset, interval_bytes)
        self.offset_index.replace(offsets)
        self.time_index.replace(times)
        self._max_timestamp, self.offset_of_max_timestamp = youngest
        self._bytes_since_entry = 0

    def truncate_to(self, offset: int, position: int) -> None:
        """Cut the file at `position`, where the batch that would hold `offset` begins, and the indexes with it."""
        self.disk.truncate(self.log_path, position)
        self._size_bytes = position
        self.offset_index.truncate_to(offset)
        self.time_index.truncate_to(offset)
        self.transaction_index.truncate_to(offset)
        # The time index may end before the file does, so look at the batches behind its last entry.
        self._refresh_max_timestamp(self._start_for(self.time_index.last()[1]))
        self._bytes_since_entry = 0

    def _refresh_max_timestamp(self, position: int) -> None:
        """From the time index and the batches from `position` on."""
        max_timestamp, offset_of_max = self.time_index.last()
        for _, header in self.scan(position):
            if header.max_timestamp > max_timestamp:
                max_timestamp, offset_of_max = header.max_timestamp, header.last_offset
        self._max_timestamp, self.offset_of_max_timestamp = max_timestamp, offset_of_max

    def forget_from(self, offset: int, position: int) -> None:
        """Before a recovery scan: nothing from `offset` at `position` on is known, the file stays as it is."""
        self._size_bytes = position
        self.offset_index.truncate_to(offset)
        self.time_index.truncate_to(offset)
        self.transaction_index.truncate_to(offset)
        self._max_timestamp, self.offset_of_max_timestamp = self.time_index.last()
        if self._max_timestamp == NO_TIMESTAMP and position:
            self._find_unnoted_youngest()
        self._bytes_since_entry = 0

    def trusted_start(self, offset: int) -> int:
        """A batch start at or before `offset` by an index that keeps its word, else 0."""
        last_offset, position = self.offset_index.floor(offset)
        return position if position and self._is_batch_start(position, last_offset) else 0

    def find_end_offset(self) -> int:
        """Where the last batch in the file ends (exclusive); the base offset where there is none. Reads the headers
        behind the last index entry. CorruptionError where they do not lead to the file's end."""
        end_offset = self.base_offset
        for _, header in self.scan(self.trusted_start(self.base_offset + RELATIVE_OFFSET_MAX)):
            end_offset = header.next_offset
        return end_offset

    def flush_indexes(self) -> list[str]:
        """Bring the index files up to date, without sync; returns the paths that changed. A small segment needs none:
        most partitions of a large node would get two files at its stop that a look at the segment makes up for."""
        if not self.offset_index.size_bytes() and not self.time_index.size_bytes():
            return []
        self.time_index.append_if_later(self.max_timestamp, self.offset_of_max_timestamp)
        return [index.path for index in (self.offset_index, self.time_index) if index.flush()]

    def seal(self) -> None:
        """Nothing is appended any more: indexes go to their files, their memory is given back."""
        self.time_index.append_if_later(self.max_timestamp, self.offset_of_max_timestamp)
        self.offset_index.seal()
        self.time_index.seal()

    @property
    def paths(self) -> list[str]:
        return [self.stem + suffix for suffix in SEGMENT_SUFFIXES]


def build_indexes(
    batches: Iterable[tuple[int, BatchHeader]], base_offset: int, interval_bytes: int
) -> tuple[bytes, bytes, tuple[int, int]]:
    """(offset index, time index, (largest timestamp, its offset)) of a segment that holds `batches`."""
    offsets: list[bytes] = []
    times: list[bytes] = []
    since, max_timestamp, offset_of_max, noted = 0, NO_TIMESTAMP, base_offset, NO_TIMESTAMP
    for position, header in batches:
        if header.max_timestamp > max_timestamp:
            max_timestamp, offset_of_max = header.max_timestamp, header.last_offset
        if since > interval_bytes:
            offsets.append(OFFSET_ENTRY.pack(header.last_offset - base_offset, position))
            if max_timestamp > noted:
                times.append(TIME_ENTRY.pack(max_timestamp, offset_of_max - base_offset))
                noted = max_timestamp
            since = 0
        since += header.size_bytes
    if max_timestamp > noted:
        times.append(TIME_ENTRY.pack(max_timestamp, offset_of_max - base_offset))
    return b"".join(offsets), b"".join(times), (max_timestamp, offset_of_max)


def scan_headers(disk: Disk, path: str, position: int, end: int) -> Iterator[tuple[int, BatchHeader]]:
    """(position, header) of each batch in [position, end) of a segment file, headers only, nothing verified.

    Raises CorruptionError naming the position where no batch can be."""
    chunk, chunk_start = b"", position
    while position < end:
        at = position - chunk_start
        if at + RECORD_BATCH_HEADER_SIZE > len(chunk):
            chunk, chunk_start, at = disk.pread(path, min(SCAN_CHUNK_BYTES, end - position), position), position, 0
        try:
            header = peek_batch_header(chunk, at)
        except KafkaError as error:
            raise CorruptionError(f"{path} is damaged at byte {position}: {error.message}") from error
        if position + header.size_bytes > end:
            raise CorruptionError(f"{path} is damaged at byte {position}: a batch ends behind the file")
        yield position, header
        position += header.size_bytes


def verified_batches(disk: Disk, path: str, position: int, end: int) -> Iterator[tuple[int, memoryview, BatchHeader]]:
    """(position, bytes, header) of each batch from `position` on that is whole and has its checksum; ends at the first
    that is not."""
    data, start = memoryview(b""), position
    while position + RECORD_BATCH_HEADER_SIZE <= end:
        at = position - start
        if at + RECORD_BATCH_HEADER_SIZE > len(data):
            data, start, at = (
                memoryview(disk.pread(path, min(VERIFY_CHUNK_BYTES, end - position), position)),
                position,
                0,
            )
        try:
            header = peek_batch_header(data, at)
        except KafkaError:
            return
        size = header.size_bytes
        if position + size > end or header.last_offset_delta < 0:
            return
        if at + size > len(data):
            length = max(size, min(VERIFY_CHUNK_BYTES, end - position))
            data, start, at = memoryview(disk.pread(path, length, position)), position, 0
        batch = data[at : at + size]
        if len(batch) < size or crc32c(batch[21:]) != header.crc:
            return
        yield position, batch, header
        position += size
