"""Reads an internal partition from its start to its end, and replays every record of it into a fresh shard."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from protocol.records import iterate_batches, read_records

logger = logging.getLogger(__name__)

# Bytes between two turns of the loop: about 10 ms of replay, so that loading does not stall other requests.
LOAD_BYTES_MAX = 1024 * 1024
# A batch of an internal topic was built here, uncompressed, below the topic's max.message.bytes; this is far above it.
DECOMPRESSED_BYTES_MAX = 128 * 1024 * 1024

ReplayBytes = Callable[[bytes, "bytes | None"], None]


class Records(Protocol):
    @property
    def records(self) -> bytes | memoryview: ...


class LoadableLog(Protocol):
    @property
    def log_start_offset(self) -> int: ...
    @property
    def log_end_offset(self) -> int: ...

    def read(self, offset: int, *, max_bytes: int, max_offset: int, at_least_one_batch: bool) -> Records: ...


async def load(log: LoadableLog, end_offset: int, replay: ReplayBytes) -> int:
    """Replay everything below `end_offset` (exclusive), and return how many records that were. Raises KafkaError."""
    offset = log.log_start_offset
    count = 0
    while offset < end_offset:
        chunk = log.read(offset, max_bytes=LOAD_BYTES_MAX, max_offset=end_offset, at_least_one_batch=True).records
        assert len(chunk), f"the log has a hole: nothing at {offset}, though it ends at {end_offset}"
        next_offset, replayed = replay_batches(chunk, offset, replay)
        assert next_offset > offset, "a batch does not move the offset on"
        offset = next_offset
        count += replayed
        # Other requests go on while a large partition loads.
        await asyncio.sleep(0)
    return count


def replay_batches(chunk: bytes | memoryview, offset: int, replay: ReplayBytes) -> tuple[int, int]:
    """Replay the batches of `chunk` from `offset` on; returns the offset after them and how many records there were."""
    count = 0
    next_offset = offset
    for position, header in iterate_batches(chunk):
        next_offset = header.next_offset
        if header.is_control:
            continue
        if header.is_transactional:
            # Nothing here writes them yet. Without knowing how their transaction ended they must not count.
            logger.error("ignoring the transactional records at offset %d", header.base_offset)
            continue
        for record in read_records(chunk, position, header, decompressed_bytes_max=DECOMPRESSED_BYTES_MAX):
            if record.offset < offset:
                continue
            if record.key is None:
                logger.warning("ignoring the record at offset %d: it has no key", record.offset)
                continue
            replay(record.key, record.value)
            count += 1
    return next_offset, count
