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

_HEAD = Struct(">hhiih")  # transactional id's length, acks, timeout, topic count, the first name's length
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
    no_transactional_id, acks, timeout_ms, topic_count, name_size = _HEAD.unpack_from(data, position)
    if no_transactional_id != -1 or topic_count <= 0:
        return None
    at = position + 12
    topics: list[TopicSpans] = []
    for _ in range(topic_count):
        if topics:
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

_SIZE_AND_CORRELATION_ID = Struct(">ii")
# A busy client names the same topics and as many of their partitions again and again.
_LAYOUTS_KEPT = 256


def produce_response(
    version: int, correlation_id: int, topics: list[tuple[bytes, AppendedNumbers]]
) -> bytes | bytearray:
    """The whole frame of the answer "appended", its size and header included."""
    is_flexible = version >= _FLEXIBLE_SINCE
    if len(topics) == 1:
        topic, numbers = topics[0]
        layout, head, size = _one_topic_layout(version, topic, len(numbers) // 4)
        return _packed(version, layout, (size - 4, correlation_id, head), 8 + len(head), numbers)
    answers: list[bytes | bytearray] = []
    for topic, numbers in topics:
        layout, head = _topic_layout(version, topic, len(numbers) // 4)
        answers.append(_packed(version, layout, (head,), len(head), numbers))
    # What follows is the throttle time, and the tagged fields of the message.
    head, end = _message_head(is_flexible, len(topics)), _MESSAGE_END[is_flexible]
    size = 4 + len(head) + sum(map(len, answers)) + len(end)
    return b"".join((_SIZE_AND_CORRELATION_ID.pack(size, correlation_id), head, *answers, end))


def _packed(
    version: int, layout: Struct, before: tuple[int | bytes, ...], start: int, numbers: AppendedNumbers
) -> bytes | bytearray:
    """`before`, which takes `start` bytes, then the partitions with `numbers`, and what else the layout has."""
    if version < 8:
        if version < 5:
            del numbers[3::4]
        return layout.pack(*before, *numbers)
    packed = bytearray(layout.pack(*before, *numbers))
    count = len(numbers) // 4
    if version < _FLEXIBLE_SINCE:
        # No record errors and no message: an array of 0, a string of -1.
        end = start + 36 * count
        packed[start + 34 : end : 36] = packed[start + 35 : end : 36] = b"\xff" * count
    else:
        # The same, compact: an array of 0 + 1, a string of -1 + 1, and no tagged fields.
        packed[start + 30 : start + 33 * count : 33] = b"\1" * count
    return packed


def _message_head(is_flexible: bool, topic_count: int) -> bytes:
    """From the response header's tagged fields, if it has them, to the count of topics."""
    return b"\0" + _uvarint(topic_count + 1) if is_flexible else _COUNT.pack(topic_count)


_MESSAGE_END = {False: bytes(4), True: bytes(5)}


@lru_cache(_LAYOUTS_KEPT)
def _one_topic_layout(version: int, topic: bytes, count: int) -> tuple[Struct, bytes, int]:
    """How to pack a frame with one topic: size, correlation id, all that follows them, the partitions; and its size."""
    is_flexible = version >= _FLEXIBLE_SINCE
    head = _message_head(is_flexible, 1) + _topic_head(version, topic, count)
    layout = Struct(f">ii{len(head)}s{_partitions_format(version, count)}{len(_MESSAGE_END[is_flexible])}x")
    return layout, head, layout.size


@lru_cache(_LAYOUTS_KEPT)
def _topic_layout(version: int, topic: bytes, count: int) -> tuple[Struct, bytes]:
    """How to pack a topic's answer, and its first value: all that stands before the partitions."""
    head = _topic_head(version, topic, count)
    return Struct(f">{len(head)}s{_partitions_format(version, count)}"), head


def _topic_head(version: int, topic: bytes, count: int) -> bytes:
    if version < _FLEXIBLE_SINCE:
        return _NAME_SIZE.pack(len(topic)) + topic + _COUNT.pack(count)
    if version < _TOPIC_IDS_SINCE:
        return _uvarint(len(topic) + 1) + topic + _uvarint(count + 1)
    return topic + _uvarint(count + 1)


def _partitions_format(version: int, count: int) -> str:
    """Index, no error, base offset, log append time, log start offset, and what newer versions add."""
    if version < 5:
        return "i2xqq" * count
    if version < 8:
        return "i2xqqq" * count
    if version < _FLEXIBLE_SINCE:
        return "i2xqqq6x" * count
    return "i2xqqq3x" * count + "x"


def _uvarint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)
