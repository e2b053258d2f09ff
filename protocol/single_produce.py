"""A produce request with one partition, and its answer, read and written without message objects.

Most requests of interactive producers have this shape, and a broker under load spends more time on the objects of such
a request than on its records. What this module reads and writes is exactly what the messages of
`protocol.messages.produce` are (tests hold it to them, version by version); a request of any other shape is not for it.

    v3–v8     transactional id int16+bytes · acks int16 · timeout int32 · topics int32 = 1 · name int16+bytes ·
              partitions int32 = 1 · index int32 · records int32+bytes
    v9–v12    the same with compact lengths, and tagged fields behind partition, topic and request
    v13       the topic's 16-byte id in place of its name
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

MIN_VERSION = 3
_FLEXIBLE_SINCE = 9
_TOPIC_IDS_SINCE = 13
_MAX_VERSION = 13

_HEAD = Struct(">hhiih")  # transactional id's length, acks, timeout, topic count, name's length
_PARTITION = Struct(">iii")  # partition count, index, size of the records
_FLEXIBLE_HEAD = Struct(">BhiBB")  # transactional id, acks, timeout, topic count + 1, name's length + 1
_FLEXIBLE_HEAD_BY_ID = Struct(">BhiB")
_INDEX = Struct(">i")
_NO_TAGS = b"\0\0\0"  # behind the partition, the topic and the request


class SingleProduce(NamedTuple):
    """`topic` is the name's bytes, or the id from v13 on. The transactional id is null."""

    acks: int
    timeout_ms: int
    topic: bytes
    partition: int
    records: memoryview


def read_single_produce(frame: memoryview, position: int, version: int) -> SingleProduce | None:
    """The request whose message begins at `position`; None if it has any other shape, be it valid or not."""
    if version >= _FLEXIBLE_SINCE:
        return _read_flexible(frame, position, version)
    if version < MIN_VERSION or len(frame) - position < 30:
        return None
    no_transactional_id, acks, timeout_ms, topic_count, name_size = _HEAD.unpack_from(frame, position)
    end_of_name = position + 14 + name_size
    start = end_of_name + 12
    if no_transactional_id != -1 or topic_count != 1 or name_size < 0 or start > len(frame):
        return None
    partition_count, index, size = _PARTITION.unpack_from(frame, end_of_name)
    if partition_count != 1 or size <= 0 or start + size != len(frame):
        return None
    return SingleProduce(acks, timeout_ms, bytes(frame[position + 14 : end_of_name]), index, frame[start:])


def _read_flexible(frame: memoryview, position: int, version: int) -> SingleProduce | None:
    if len(frame) - position < 40 or version > _MAX_VERSION:
        return None
    if version >= _TOPIC_IDS_SINCE:
        no_transactional_id, acks, timeout_ms, topic_count = _FLEXIBLE_HEAD_BY_ID.unpack_from(frame, position)
        start_of_topic, topic_size = position + 8, 16
    else:
        no_transactional_id, acks, timeout_ms, topic_count, topic_size = _FLEXIBLE_HEAD.unpack_from(frame, position)
        start_of_topic = position + 9
        topic_size -= 1
        if not 0 <= topic_size < 127:
            return None
    end_of_topic = start_of_topic + topic_size
    if no_transactional_id or topic_count != 2 or end_of_topic + 10 > len(frame) or frame[end_of_topic] != 2:
        return None
    (index,) = _INDEX.unpack_from(frame, end_of_topic + 1)
    size, start = _compact_size(frame, end_of_topic + 5)
    end = start + size
    if size <= 0 or end + 3 != len(frame) or frame[end:] != _NO_TAGS:
        return None
    return SingleProduce(acks, timeout_ms, bytes(frame[start_of_topic:end_of_topic]), index, frame[start:end])


def _compact_size(frame: memoryview, position: int) -> tuple[int, int]:
    """An unsigned varint of at most five bytes, minus one, and the position behind it."""
    size = shift = 0
    for at in range(position, min(position + 5, len(frame))):
        byte = frame[at]
        size |= (byte & 127) << shift
        if byte < 128:
            return size - 1, at + 1
        shift += 7
    return -1, position


# Behind the topic: partition count, index, error, base offset, log append time, and what newer versions add.
_RESPONSE_HEAD = Struct(">iiih")  # size, correlation id, topic count, name's length
_ANSWER_V3 = Struct(">iihqqi")  # …, throttle time
_ANSWER_V5 = Struct(">iihqqqi")  # …, log start offset, throttle time
_ANSWER_V8 = Struct(">iihqqqihi")  # …, no record errors, no message, throttle time
_FLEXIBLE_RESPONSE_HEAD = Struct(">iixB")  # size, correlation id, no tags, topic count + 1
_ANSWER_V9 = Struct(">BihqqqBBBBiB")  # …, no record errors, no message, no tags twice, throttle time, no tags


def single_produce_response(
    version: int,
    correlation_id: int,
    topic: bytes,
    index: int,
    base_offset: int,
    log_append_time_ms: int,
    log_start_offset: int,
) -> bytes:
    """The whole frame of the answer "appended", its size and header included."""
    if version >= _FLEXIBLE_SINCE:
        answer = _ANSWER_V9.pack(2, index, 0, base_offset, log_append_time_ms, log_start_offset, 1, 0, 0, 0, 0, 0)
        name = topic if version >= _TOPIC_IDS_SINCE else bytes((len(topic) + 1,)) + topic
        head = _FLEXIBLE_RESPONSE_HEAD.pack(6 + len(name) + len(answer), correlation_id, 2)
        return head + name + answer
    if version >= 8:
        answer = _ANSWER_V8.pack(1, index, 0, base_offset, log_append_time_ms, log_start_offset, 0, -1, 0)
    elif version >= 5:
        answer = _ANSWER_V5.pack(1, index, 0, base_offset, log_append_time_ms, log_start_offset, 0)
    else:
        answer = _ANSWER_V3.pack(1, index, 0, base_offset, log_append_time_ms, 0)
    size = len(topic)
    return _RESPONSE_HEAD.pack(10 + size + len(answer), correlation_id, 1, size) + topic + answer
