"""Records of the usual form, walked with one unpacking each, and with one comparison a column where they are alike.

Usual is: 64 to 8,191 bytes, so that the size takes two bytes; a timestamp delta of one byte; a key that is null or has
less than 64 bytes; a value of 64 to 8,191; no headers. Everything up to the key then lies at fixed places:

    0      2        3         4           5 or 6   6 or 7
    +------+--------+---------+-----------+--------+-------------+---------------- ... --+---+
    | size | attri- | time    | offset    | key's  | key, value's size, value            | 0 |
    |      | butes  | delta   | delta     | size   | (size at once where there is no key) |   |
    +------+--------+---------+-----------+--------+-------------+---------------- ... --+---+

Whatever is not usual, right or wrong, ends the walk and is for walk_all.py to look at.
"""

from __future__ import annotations

from struct import Struct, error

from protocol.records.varint import FIRST_BYTES, LAST_BYTES, THREE_BYTES_FROM, TWO_BYTES_FROM, VARINTS

# How far a walk is, and what it has met on the way: position, lowest and highest timestamp delta, null keys.
# A plain tuple: naming the fields takes a third of the check of a batch of one record.
Seen = tuple[int, int, int, int]


# The numbers of up to two bytes as they are written, each as one big-endian integer; and those of two the other way.
_OFFSETS = [int.from_bytes(varint, "big") for varint in VARINTS]
_NUMBERS = {_OFFSETS[number]: number for number in range(TWO_BYTES_FROM, THREE_BYTES_FROM)}

# Size, attributes, timestamp delta, offset delta, key's size, and what would be the value's size without a key.
_unpack_short = Struct(">HBBBBH").unpack_from
_unpack_long = Struct(">HBBHBH").unpack_from
_unpack_size = Struct(">H").unpack_from
_NULL = 1

# Fewer records that are alike are walked faster than they are compared.
_ALIKE_MIN = 8


def walk_usual(data: bytes, index: int, stop: int, seen: Seen) -> tuple[int, Seen]:
    """Walks usual records from `index` on to `stop` (exclusive); answers the first that was not walked.

    The offset deltas of all of them take equally many bytes."""
    # Hot, so one loop without calls. It takes half of the time that looking at each byte does.
    if index >= THREE_BYTES_FROM:
        return index, seen
    position, low, high, null_keys = seen
    unpack, key_at = (_unpack_short, 6) if index < TWO_BYTES_FROM else (_unpack_long, 7)
    numbers = _NUMBERS
    delta_before = -1
    try:
        for offset in _OFFSETS[index:stop]:
            size, _, delta, offset_delta, key, value = unpack(data, position)
            at = position + key_at
            if key != _NULL:
                if key & 129:
                    break
                at += key >> 1
                (value,) = _unpack_size(data, at)
            at += 2 + numbers[value]
            end = position + 2 + numbers[size]
            if offset_delta != offset or delta > 127 or at + 1 != end or data[at]:
                break
            position = end
            index += 1
            if key == _NULL:
                null_keys += 1
            if delta != delta_before:
                delta_before = delta
                delta = (delta >> 1) ^ -(delta & 1)
                low = delta if delta < low else low
                high = delta if delta > high else high
    except (KeyError, IndexError, error):
        pass  # of another size, or where the data ends
    return index, (position, low, high, null_keys)


# Where a usual record has its key's size, its value's size and its count of headers.
Places = tuple[int, int, int]


def usual_places(data: bytes, position: int, index: int) -> Places | None:
    """None if the record at `position`, with the offset delta `index`, is not usual."""
    if index >= THREE_BYTES_FROM:
        return None
    unpack, key_at = (_unpack_short, position + 5) if index < TWO_BYTES_FROM else (_unpack_long, position + 6)
    try:
        size, _, _, _, key, value = unpack(data, position)
        value_at = key_at + 1
        if key != _NULL:
            if key & 129:
                return None
            value_at += key >> 1
            (value,) = _unpack_size(data, value_at)
        headers_at = value_at + 2 + _NUMBERS[value]
        return (key_at, value_at, headers_at) if headers_at == position + 1 + _NUMBERS[size] else None
    except (KeyError, error):
        return None


def walk_alike(data: bytes, index: int, count: int, seen: Seen, places: Places) -> tuple[int, Seen]:
    """Walks the usual records from `index` on that are as long as the first; answers as walk_usual.

    Byte j of all of them is one strided slice, so each length is compared once, and not once a record. Where records of
    one size differ in another length, none is walked."""
    # Hot: 64 records take 3 us here, 9 in uniform.py, which knows no form, and 20 one by one.
    position, low, high, null_keys = seen
    key_at, value_at, headers_at = places
    stride = headers_at + 1 - position
    left = min(count, TWO_BYTES_FROM if index < TWO_BYTES_FROM else THREE_BYTES_FROM) - index
    sizes = data[position : position + left * stride : stride]
    length = len(sizes) - len(sizes.lstrip(sizes[:1]))
    end, stop = position + length * stride, index + length
    if length < _ALIKE_MIN or end > len(data) or data[headers_at:end:stride] != bytes(length):
        return index, seen
    for at in (position + 1, key_at, value_at, value_at + 1):
        column = data[at:end:stride]
        if column != column[:1] * length:
            return index, seen
    if data[position + 4 : end : stride] != FIRST_BYTES[index:stop]:
        return index, seen
    if index >= TWO_BYTES_FROM and data[position + 5 : end : stride] != LAST_BYTES[index:stop]:
        return index, seen
    # Records of one batch share few timestamps.
    for delta in set(data[position + 3 : end : stride]):
        if delta > 127:
            return index, seen
        delta = (delta >> 1) ^ -(delta & 1)
        low = delta if delta < low else low
        high = delta if delta > high else high
    return stop, (end, low, high, null_keys + length if data[key_at] == _NULL else null_keys)
