"""The check of the commonest batch there is: one record, not compressed, no headers.

A producer that does not linger sends nothing else, and walking its record with the general loop costs more than its
checksum. What this accepts is what check.py accepts (a test holds it to that); everything it does not accept it leaves
to check.py, which may still, and says why if it does not.
"""

from __future__ import annotations

from protocol.records.compression import Buffer

NOT_PLAIN = -1


def plain_record_null_keys(buf: Buffer, at: int, end: int) -> int:
    """How many null keys (0 or 1) the only record of a batch has, which must fill `at` to `end`; NOT_PLAIN otherwise.

    Plain is: less than 1 MiB, attributes and deltas 0, a key of less than 64 bytes, a value that is there, no headers.
    IndexError where `buf` ends inside the record."""
    # Hot: one look at each byte. A zigzag number is even where it is not negative; its first byte is below 128 where it
    # has no second.
    size = buf[at]
    at += 1
    if size > 127:
        second = buf[at]
        at += 1
        size += (second - 1) << 7
        if second > 127:
            third = buf[at]
            at += 1
            size += (third - 1) << 14
            if third > 127:
                return NOT_PLAIN
    if size & 1 or at + (size >> 1) != end or buf[at] or buf[at + 1] or buf[at + 2]:
        return NOT_PLAIN
    key = buf[at + 3]
    at += 4
    if key != 1:
        if key & 129:
            return NOT_PLAIN
        at += key >> 1
    value = buf[at]
    at += 1
    if value > 127:
        second = buf[at]
        at += 1
        value += (second - 1) << 7
        if second > 127:
            third = buf[at]
            at += 1
            value += (third - 1) << 14
            if third > 127:
                return NOT_PLAIN
    if value & 1:
        return NOT_PLAIN
    at += value >> 1
    # The count of headers, 0, is the last byte.
    if at + 1 != end or buf[at]:
        return NOT_PLAIN
    return 1 if key == 1 else 0
