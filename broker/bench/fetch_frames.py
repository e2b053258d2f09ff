"""Prepared Fetch requests, and the few fields of their answers that a consumer under measurement looks at.

Fetch v11 is used: the last version that is not flexible, whose fields therefore lie at known places. No session:
every request names all partitions of its connection.
"""

from __future__ import annotations

import itertools
import struct

from broker.bench.payload import IDENTITY, IDENTITY_BYTES
from protocol import ApiKey, ErrorCode, KafkaError, ProtocolError, encode
from protocol.framing import frame
from protocol.headers import RequestHeader, encode_request_header
from protocol.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from protocol.records import read_batch_header, read_records

FETCH_VERSION = 11
CLIENT_ID = "millstream-bench"

_CORRELATION_ID_AT = 8
_PLACEHOLDER = 0x7A5B_3C1D_0000_0000  # an offset that stands nowhere else in the request

# size, correlation id, throttle time, error, session id, topics
_HEAD = struct.Struct(">iiihii")
# index, error, high watermark, last stable offset, log start offset, aborted transactions
_PARTITION = struct.Struct(">ihqqqi")
_PREFERRED_AND_SIZE = struct.Struct(">ii")
_INT16 = struct.Struct(">h")
_INT32 = struct.Struct(">i")
_INT64 = struct.Struct(">q")
_ABORTED_BYTES = 16
_LOG_OVERHEAD = 12
_LAST_OFFSET_DELTA_AT = 23

Part = tuple[int, int, int, int]  # partition, error code, position of its records, position behind them


class FetchFrame:
    """A request of one connection; offsets are patched before it is sent again."""

    def __init__(self, topic: str, partitions: list[int], *, max_wait_ms: int, min_bytes: int, max_bytes: int) -> None:
        wanted = [
            FetchPartition(partition=index, fetch_offset=_PLACEHOLDER + index, partition_max_bytes=max_bytes)
            for index in partitions
        ]
        request = FetchRequest(
            max_wait_ms=max_wait_ms,
            min_bytes=min_bytes,
            max_bytes=max_bytes,
            topics=[FetchTopic(topic=topic, partitions=wanted)],
        )
        header = RequestHeader(ApiKey.FETCH, FETCH_VERSION, 0, CLIENT_ID)
        self.buffer = bytearray(frame(encode_request_header(header), encode(request, FETCH_VERSION)))
        self._offset_at = {index: self.buffer.find(_INT64.pack(_PLACEHOLDER + index)) for index in partitions}

    def patch(self, correlation_id: int, offsets: dict[int, int]) -> None:
        _INT32.pack_into(self.buffer, _CORRELATION_ID_AT, correlation_id)
        for index, at in self._offset_at.items():
            _INT64.pack_into(self.buffer, at, offsets[index])


def read_fetch_answer(buffer: bytearray | bytes, correlation_id: int) -> list[Part]:
    """Where each partition's records lie; KafkaError for an error of the whole."""
    _, found_id, _, error, _, topics = _HEAD.unpack_from(buffer)
    if found_id != correlation_id:
        raise ProtocolError(f"answer {found_id} came to fetch {correlation_id}")
    if error:
        raise KafkaError(ErrorCode(error), "fetch")
    position = _HEAD.size
    parts: list[Part] = []
    for _ in range(topics):
        (length,) = _INT16.unpack_from(buffer, position)
        (count,) = _INT32.unpack_from(buffer, position + 2 + length)
        position += 6 + length
        for _ in range(count):
            index, error, _, _, _, aborted = _PARTITION.unpack_from(buffer, position)
            position += _PARTITION.size + max(aborted, 0) * _ABORTED_BYTES
            _, size = _PREFERRED_AND_SIZE.unpack_from(buffer, position)
            position += _PREFERRED_AND_SIZE.size
            end = position + max(size, 0)
            parts.append((index, error, position, end))
            position = end
    return parts


def walk_batches(buffer: bytearray | bytes, position: int, end: int) -> list[int]:
    """Where each whole batch begins, and behind them where the last one ends; [position] if there is none.

    ProtocolError where a batch has a length that none can have."""
    positions = [position]
    unpack = _INT32.unpack_from
    while end - position > _LOG_OVERHEAD:
        (length,) = unpack(buffer, position + 8)
        if length <= 0:
            raise ProtocolError(f"a fetched batch has a length of {length} bytes")
        position += _LOG_OVERHEAD + length
        if position > end:
            break
        positions.append(position)
    return positions


def next_offset(buffer: bytearray | bytes, last_batch_at: int) -> int:
    """The offset behind a batch."""
    (base_offset,) = _INT64.unpack_from(buffer, last_batch_at)
    (last_delta,) = _INT32.unpack_from(buffer, last_batch_at + _LAST_OFFSET_DELTA_AT)
    return int(base_offset + last_delta + 1)


class TimestampReader:
    """The instants at which batches were sent, from the identity in their first record (payload.py)."""

    def __init__(self) -> None:
        self._identity_at = -1
        self._size = -1

    def read(self, buffer: bytearray | bytes, positions: list[int]) -> list[int]:
        found = []
        for position, end in itertools.pairwise(positions):
            if end - position != self._size:
                self._learn(buffer, position, end)
            if self._identity_at >= 0:
                found.append(IDENTITY.unpack_from(buffer, position + self._identity_at)[2])
        return found

    def _learn(self, buffer: bytearray | bytes, position: int, end: int) -> None:
        """Batches of one size, of one run, have it at one place."""
        batch = bytes(memoryview(buffer)[position:end])
        header = read_batch_header(batch)
        self._size, self._identity_at = end - position, -1
        if header.attributes & 7:
            return
        value = read_records(batch, 0, header, decompressed_bytes_max=1 << 30)[0].value or b""
        if len(value) >= IDENTITY_BYTES:
            self._identity_at = batch.find(value)
