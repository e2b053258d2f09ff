"""All records of a batch walked, none of them made an object.

Many records laid out alike are checked by the column (uniform.py); so are those of the usual form, or each with one
unpacking (usual.py). Others of the plain form (keys of less than 64 bytes, values of less than 8 KiB) one loop here
reads byte by byte. The rest is taken apart number by number in walk.py, which also words every refusal.
"""

from __future__ import annotations

from protocol.errors import KafkaError
from protocol.records.record import INT64_MAX, INT64_MIN
from protocol.records.uniform import RUN_MIN, uniform_run
from protocol.records.usual import Seen, usual_places, walk_alike, walk_usual
from protocol.records.varint import FOUR_BYTES_FROM, THREE_BYTES_FROM, TWO_BYTES_FROM
from protocol.records.walk import walk_headers, walk_record

# Offset deltas 0…63 take one byte, 64…8191 two, 8192…1048575 three. Within an aligned chunk of 64 they take
# equally many and only the first differs.
_CHUNK = TWO_BYTES_FROM
_ONLY_BYTES = bytes(2 * delta for delta in range(_CHUNK))
_FIRST_BYTES = bytes(2 * delta | 128 for delta in range(_CHUNK))


def walk_records(data: bytes, position: int, count: int) -> Seen:
    """Over the `count` records of a batch, the first of them at `position`; `data` may go on behind the last.

    INVALID_RECORD where one is malformed, IndexError where `data` ends inside one."""
    seen = (position, INT64_MAX, INT64_MIN, 0)
    index = 0
    while index < count:
        if count - index >= RUN_MIN:
            walked, seen = _walk_run(data, index, count, seen)
            if walked != index:
                index = walked
                continue
        stop = min(count, (index // _CHUNK + 1) * _CHUNK)
        index, seen = walk_usual(data, index, stop, seen)
        if index < stop:
            seen = _walk_chunk(data, index, stop, seen)
            index = stop
    return seen


def _walk_run(data: bytes, index: int, count: int, seen: Seen) -> tuple[int, Seen]:
    """Walks the records from `index` on that are laid out alike, if they are some; answers as walk_usual."""
    position, low, high, null_keys = seen
    places = usual_places(data, position, index)
    if places is not None:
        return walk_alike(data, index, count, seen, places)
    run = uniform_run(data, position, index, count)
    if run is None:
        return index, seen
    seen = (run.end, min(low, run.low), max(high, run.high), null_keys + run.null_key_count)
    return index + run.record_count, seen


def _offset_bytes(index: int, stop: int) -> tuple[bytes, int, int, int]:
    """Of the offset deltas `index` to `stop` in one chunk: first bytes, the second, the third, the width."""
    if index < TWO_BYTES_FROM:
        return _ONLY_BYTES[index:stop], 0, 0, 1
    start, end = index % _CHUNK, index % _CHUNK + stop - index
    if index < THREE_BYTES_FROM:
        return _FIRST_BYTES[start:end], index >> 6, 0, 2
    return _FIRST_BYTES[start:end], index >> 6 & 127 | 128, index >> 13, 3


def _walk_chunk(data: bytes, index: int, stop: int, seen: Seen) -> Seen:
    """Walks the records `index` to `stop` (exclusive), which lie in one chunk."""
    # Hot, so one loop without calls: indexing bytes takes 20 ns, slicing or comparing 70 ns, a call 100 ns.
    # It reads on without asking whether a number was sane and asks once at the end, for all of them; a record
    # it then does not accept, or runs off the data with, is read again slowly.
    position, low, high, null_keys = seen
    firsts, second, third, width = _offset_bytes(index, stop)
    delta_before = -1
    for first in firsts:
        try:
            size = data[position]
            at = position + 2
            if size > 127:
                size += (data[position + 1] - 1) << 7
                at += 1
            end = at - 1 + (size >> 1)
            delta = data[at]
            at += 1
            if delta > 127:
                delta += (data[at] - 1) << 7
                at += 1
            if data[at] == first and (width == 1 or (data[at + 1] == second and (width == 2 or data[at + 2] == third))):
                at += width
                key = data[at]
                at += (key >> 1) + 1
                value = data[at]
                if value > 127:
                    at += 1
                    value += (data[at] - 1) << 7
                at += (value >> 1) + 1
                at = walk_headers(data, at, end) if data[at] else at + 1
                # A zigzag number that is odd is negative, of which only a key of -1, null, is plain; one from
                # 16384 on has a third byte, of which nothing was read.
                if (
                    at == end
                    and (size | delta | value) < 16384
                    and not (size | value) & 1
                    and (not key & 129 or key == 1)
                    and index < FOUR_BYTES_FROM
                ):
                    position = end
                    null_keys += key == 1
                    if delta != delta_before:
                        delta_before = delta
                        delta = (delta >> 1) ^ -(delta & 1)
                        low = delta if delta < low else low
                        high = delta if delta > high else high
                    continue
        except (IndexError, KafkaError):
            pass
        record = walk_record(data, position, index + firsts.index(first))
        position = record.end
        null_keys += record.key_is_null
        low = min(low, record.timestamp_delta)
        high = max(high, record.timestamp_delta)
    return position, low, high, null_keys
