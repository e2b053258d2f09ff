"""A produce request and the answer that all of it was appended, read and written without message objects.

A broker under load spends more time on the objects of such a request than on its records. What this module reads and
writes is exactly what the messages of `protocol.messages.produce` are (tests hold it to them, version by version); a
request that is unusual in any way (transactional, records that are null, tagged fields, names of 127 bytes and more) is
left to them, and so is one that is malformed.

    v3–v8     transactional id int16+bytes · acks int16 · timeout int32 · topics int32 · of each: name int16+bytes ·
              partitions int32 · of each: index int32 · records int32+bytes
    v9–v12    the same with compact lengths, and tagged fields behind each partition, each topic and the request
    v13       the topic's 16-byte id in place of its name
"""

from __future__ import annotations

from functools import lru_cache
from struct import Struct, error

MIN_VERSION = 3
# Requests with more partitions of one topic are the codec's: the layouts of answers that are kept must stay small.
PARTITIONS_MAX = 512
_FLEXIBLE_SINCE = 9
_TOPIC_IDS_SINCE = 13

_HEAD = Struct(">hhii")  # transactional id's length, acks, timeout, topic count
_FLEXIBLE_HEAD = Struct(">Bhi")  # transactional id's length + 1, acks, timeout
_PARTITION = Struct(">ii")  # index, size of the records
_NAME_SIZE = Struct(">h")
_COUNT = Struct(">i")
_unpack_partition = _PARTITION.unpack_from
_unpack_index = _COUNT.unpack_from

# (index, where its records begin, where they end)
PartitionSpan = tuple[int, int, int]
# The name's bytes, or the id from v13 on; and its partitions, in the request's order.
TopicSpans = tuple[bytes, list[PartitionSpan]]
# (acks, timeout in ms, topics). Plain tuples: naming the fields costs as much as reading one partition.
ProduceSpans = tuple[int, int, list[TopicSpans]]


def read_produce(data: bytes, position: int, end: int, version: int) -> ProduceSpans | None:
    """The request whose message lies in `data` from `position` to `end`; None if it is for the codec, valid or not."""
    try:
        if version >= _FLEXIBLE_SINCE:
            return _read_flexible(data, position, end, version)
        return _read_fixed(data, position, end)
    except (error, IndexError):
        return None


def _read_fixed(data: bytes, position: int, end: int) -> ProduceSpans | None:
    """`data` may go on behind `end`: what was read there is found out in the end, for every step leads forward."""
    no_transactional_id, acks, timeout_ms, topic_count = _HEAD.unpack_from(data, position)
    if no_transactional_id != -1 or topic_count <= 0:
        return None
    at = position + 12
    topics: list[TopicSpans] = []
    for _ in range(topic_count):
        (name_size,) = _NAME_SIZE.unpack_from(data, at)
        end_of_name = at + 2 + name_size
        (partition_count,) = _COUNT.unpack_from(data, end_of_name)
        if name_size < 0 or not 0 < partition_count <= PARTITIONS_MAX or end_of_name > end:
            return None
        topic = data[at + 2 : end_of_name]
        at = end_of_name + 4
        spans: list[PartitionSpan] = []
        # Hot: once per partition of every request.
        for _ in range(partition_count):
            index, size = _unpack_partition(data, at)
            if size <= 0:
                return None
            start = at + 8
            at = start + size
            spans.append((index, start, at))
        topics.append((topic, spans))
        if at > end:
            return None
    return (acks, timeout_ms, topics) if at == end else None


def _read_flexible(data: bytes, position: int, end: int, version: int) -> ProduceSpans | None:
    no_transactional_id, acks, timeout_ms = _FLEXIBLE_HEAD.unpack_from(data, position)
    topic_count, at = _compact_length(data, position + 7)
    if no_transactional_id or topic_count <= 0:
        return None
    topics: list[TopicSpans] = []
    for _ in range(topic_count):
        name_size = 16
        if version < _TOPIC_IDS_SINCE:
            name_size = data[at] - 1
            at += 1
        if not 0 <= name_size < 127:
            return None
        topic = data[at : at + name_size]
        partition_count, at = _compact_length(data, at + name_size)
        if not 0 < partition_count <= PARTITIONS_MAX or at > end:
            return None
        spans: list[PartitionSpan] = []
        # Hot, as above. A size of two bytes is that of nearly all small batches.
        for _ in range(partition_count):
            (index,) = _unpack_index(data, at)
            low, high = data[at + 4], data[at + 5]
            if low > 127 and high < 128:
                size, start = low + (high << 7) - 129, at + 6
            else:
                size, start = _compact_length(data, at + 4)
            if size <= 0:
                return None
            at = start + size
            if data[at]:
                return None
            spans.append((index, start, at))
            at += 1
        topics.append((topic, spans))
        if at >= end or data[at]:
            return None
        at += 1
    return (acks, timeout_ms, topics) if at + 1 == end and not data[at] else None


def _compact_length(data: bytes, position: int) -> tuple[int, int]:
    """An unsigned varint of at most five bytes, minus one, and the position behind it; -1 for a longer one."""
    length = shift = 0
    for at in range(position, position + 5):
        byte = data[at]
        length |= (byte & 127) << shift
        if byte < 128:
            return length - 1, at + 1
        shift += 7
    return -1, position


# What was appended to a partition, as four numbers: index, base offset, log append time, log start offset. Flat, one
# partition behind the other, so that one call packs all partitions of a topic.
AppendedNumbers = list[int]

_FIXED_HEAD = Struct(">iii")  # size, correlation id, topic count
_FLEXIBLE_FEW = Struct(">iixB")  # the same, with no tagged fields, for fewer than 127 topics
_FLEXIBLE_MANY = Struct(">iix")  # without the count
_THROTTLE_TIME = bytes(4)
_THROTTLE_TIME_AND_TAGS = bytes(5)
# A busy client names the same topics and as many of their partitions again and again.
_LAYOUTS_KEPT = 256


def produce_response(version: int, correlation_id: int, topics: list[tuple[bytes, AppendedNumbers]]) -> bytes:
    """The whole frame of the answer "appended", its size and header included."""
    if version >= _FLEXIBLE_SINCE:
        flexible = [_flexible_topic(version, topic, numbers) for topic, numbers in topics]
        count = len(topics) + 1
        if count < 128:
            size = 11 + sum(map(len, flexible))
            return b"".join((_FLEXIBLE_FEW.pack(size, correlation_id, count), *flexible, _THROTTLE_TIME_AND_TAGS))
        head = _uvarint(count)
        size = 10 + len(head) + sum(map(len, flexible))
        return b"".join((_FLEXIBLE_MANY.pack(size, correlation_id), head, *flexible, _THROTTLE_TIME_AND_TAGS))
    answers = [_fixed_topic(version, topic, numbers) for topic, numbers in topics]
    size = 12 + sum(map(len, answers))
    return b"".join((_FIXED_HEAD.pack(size, correlation_id, len(topics)), *answers, _THROTTLE_TIME))


def _fixed_topic(version: int, topic: bytes, numbers: AppendedNumbers) -> bytes | bytearray:
    layout, head = _topic_layout(version, topic, len(numbers) // 4)
    if version < 5:
        del numbers[3::4]
    if version < 8:
        return layout.pack(head, *numbers)
    # No record errors and no message: an array of 0, a string of -1.
    packed = bytearray(layout.pack(head, *numbers))
    null = b"\xff" * (len(numbers) // 4)
    packed[len(head) + 34 :: 36] = null
    packed[len(head) + 35 :: 36] = null
    return packed


def _flexible_topic(version: int, topic: bytes, numbers: AppendedNumbers) -> bytearray:
    count = len(numbers) // 4
    layout, head = _topic_layout(version, topic, count)
    packed = bytearray(layout.pack(head, *numbers))
    # The same, compact: an array of 0 + 1, a string of -1 + 1, and no tagged fields.
    packed[len(head) + 30 : -1 : 33] = b"\1" * count
    return packed


@lru_cache(_LAYOUTS_KEPT)
def _topic_layout(version: int, topic: bytes, count: int) -> tuple[Struct, bytes]:
    """How to pack a topic's answer, and its first value: all that stands before the partitions."""
    if version < 5:
        partition, end = "i2xqq", ""
    elif version < 8:
        partition, end = "i2xqqq", ""
    elif version < _FLEXIBLE_SINCE:
        partition, end = "i2xqqq6x", ""
    else:
        partition, end = "i2xqqq3x", "x"
    if version < _FLEXIBLE_SINCE:
        head = _NAME_SIZE.pack(len(topic)) + topic + _COUNT.pack(count)
    elif version < _TOPIC_IDS_SINCE:
        head = _uvarint(len(topic) + 1) + topic + _uvarint(count + 1)
    else:
        head = topic + _uvarint(count + 1)
    return Struct(f">{len(head)}s{partition * count}{end}"), head


def _uvarint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)
