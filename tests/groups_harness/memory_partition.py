"""The coordinator's partition in memory: batches as real bytes, and commits that a test can hold back or fail."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from broker.log import AppendOrigin, AppendResult, ReadResult
from protocol.errors import ErrorCode, KafkaError
from protocol.records import Record, build_batch, iterate_batches, read_batch_header, read_records, stamp

Waiter = Callable[[ErrorCode], None]


class MemoryLog:
    def __init__(self) -> None:
        self.log_start_offset = 0
        self.log_end_offset = 0
        # End offset (exclusive) and bytes of each batch.
        self.batches: list[tuple[int, bytes]] = []
        self.reads = 0
        self.read_error: ErrorCode | None = None

    def read(self, offset: int, *, max_bytes: int, max_offset: int, at_least_one_batch: bool) -> ReadResult:
        self.reads += 1
        if self.read_error is not None:
            raise KafkaError(self.read_error, "the test broke the log")
        chunk, end = b"", offset
        for end_offset, batch in self.batches:
            if offset < end_offset <= max_offset and (not chunk or len(chunk) + len(batch) <= max_bytes):
                chunk, end = chunk + batch, end_offset
        return ReadResult(chunk, end)

    def put(self, batch: bytes) -> AppendResult:
        header = read_batch_header(batch)
        base = self.log_end_offset
        self.log_end_offset = base + header.last_offset_delta + 1
        self.batches.append((self.log_end_offset, stamp(batch, base, 0)))
        return AppendResult(
            base_offset=base,
            last_offset=self.log_end_offset - 1,
            record_count=header.record_count,
            log_append_time_ms=-1,
            log_start_offset=self.log_start_offset,
            max_timestamp=header.max_timestamp,
            is_duplicate=False,
        )

    def truncate_to(self, offset: int) -> None:
        self.batches = [(end, batch) for end, batch in self.batches if end <= offset]
        self.log_end_offset = offset

    def records(self) -> list[Record]:
        return [
            record
            for _, batch in self.batches
            for position, header in iterate_batches(batch)
            for record in read_records(batch, position, header, decompressed_bytes_max=1 << 30)
        ]

    def compact(self) -> None:
        """Keep the latest record of each key, tombstones too, with gaps where others were."""
        latest = {record.key: record.offset for record in self.records()}
        kept = []
        for end, batch in self.batches:
            for position, header in iterate_batches(batch):
                records = read_records(batch, position, header, decompressed_bytes_max=1 << 30)
                live = [record for record in records if latest[record.key] == record.offset]
                if live:
                    kept.append((end, build_batch(live, base_offset=header.base_offset, last_offset=end - 1)))
        self.batches = kept


class MemoryPartition:
    """`refuse_with` refuses appends; `hold` keeps commits back until `release`; `fail_commits` loses what is held."""

    def __init__(self, loop: asyncio.AbstractEventLoop, index: int = 0, log: MemoryLog | None = None) -> None:
        self.index = index
        self.log = MemoryLog() if log is None else log
        self.high_watermark = self.log.log_end_offset
        self.refuse_with: ErrorCode | None = None
        self._loop = loop
        self._held = False
        self._waiters: list[tuple[int, Waiter]] = []

    def append(self, records: bytes, *, now_ms: int, origin: AppendOrigin) -> AppendResult:
        assert origin is AppendOrigin.COORDINATOR
        if self.refuse_with is not None:
            raise KafkaError(self.refuse_with, "the test refuses appends")
        result = self.log.put(records)
        self._loop.call_soon(self._commit)
        return result

    def when_committed(self, end_offset: int, waiter: Waiter) -> None:
        if end_offset <= self.high_watermark:
            waiter(ErrorCode.NONE)
        else:
            self._waiters.append((end_offset, waiter))

    def hold(self) -> None:
        self._held = True

    def release(self) -> None:
        self._held = False
        self._commit()

    def fail_commits(self, code: ErrorCode) -> None:
        """What is not committed yet never will be; it is gone from the log."""
        self._held = False
        self.log.truncate_to(self.high_watermark)
        waiters, self._waiters = self._waiters, []
        for _, waiter in waiters:
            waiter(code)

    def _commit(self) -> None:
        if self._held:
            return
        self.high_watermark = self.log.log_end_offset
        waiters, self._waiters = self._waiters, []
        for end_offset, waiter in waiters:
            if end_offset <= self.high_watermark:
                waiter(ErrorCode.NONE)
            else:
                self._waiters.append((end_offset, waiter))
