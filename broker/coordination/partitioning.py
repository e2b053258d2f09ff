"""Which partition of an internal topic keeps a group or a transactional id: part of Kafka's on-disk contract."""

from __future__ import annotations


def java_string_hash(text: str) -> int:
    """Java's `String.hashCode`: over UTF-16 code units, 32 bits, signed."""
    units = text.encode("utf-16-be", "surrogatepass")
    value = 0
    for position in range(0, len(units), 2):
        value = (value * 31 + (units[position] << 8 | units[position + 1])) & 0xFFFF_FFFF
    return value - 0x1_0000_0000 if value & 0x8000_0000 else value


def partition_for(key: str, partition_count: int) -> int:
    value = java_string_hash(key)
    # Kafka takes the absolute value of the smallest int, which has none, as 0.
    return 0 if value == -0x8000_0000 else abs(value) % partition_count
