"""Records of the usual form, walked with one unpacking each.

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

# How far a walk is, and what it has met on the way: position, lowest and highest timestamp delta, null keys.
# A plain tuple: naming the fields takes a third of the check of a batch of one record.
Seen = tuple[int, int, int, int]

_TWO_BYTES_FROM, _THREE_BYTES_FROM = 64, 8192


def _two_bytes(number: int) -> int:
    """A number of 64 to 8,191 as it is written, zigzag, as one big-endian integer."""
    zigzag = number << 1
    return (zigzag & 127 | 128) << 8 | zigzag >> 7


_NUMBERS = {_two_bytes(number): number for number in range(_TWO_BYTES_FROM, _THREE_BYTES_FROM)}
_OFFSETS = [2 * delta if delta < _TWO_BYTES_FROM else _two_bytes(delta) for delta in range(_THREE_BYTES_FROM)]

# Size, attributes, timestamp delta, offset delta, key's size, and what would be the value's size without a key.
_unpack_short = Struct(">HBBBBH").unpack_from
_unpack_long = Struct(">HBBHBH").unpack_from
_unpack_size = Struct(">H").unpack_from
_NULL = 1


def walk_usual(data: bytes, index: int, stop: int, seen: Seen) -> tuple[int, Seen]:
    """Walks usual records from `index` on to `stop` (exclusive); answers the first that was not walked.

    The offset deltas of all of them take equally many bytes."""
    # Hot, so one loop without calls. It takes half of the time that looking at each byte does.
    if index >= _THREE_BYTES_FROM:
        return index, seen
    position, low, high, null_keys = seen
    unpack, key_at = (_unpack_short, 6) if index < _TWO_BYTES_FROM else (_unpack_long, 7)
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
