"""Batches for produce requests, right and wrong, and which broker answers them.

MILLSTREAM_COMPARE_WITH=host:port runs the tests that are not `ours_only` against that broker instead of ours.
"""

from __future__ import annotations

import os
import struct
import time

import pytest
from crc32c import crc32c
from log_harness.batches import batch

PEER = os.environ.get("MILLSTREAM_COMPARE_WITH", "")
NOW_MS = int(time.time() * 1000)
HOUR_MS = 3_600_000
ours_only = pytest.mark.skipif(bool(PEER), reason="Kafka answers otherwise; the test says why we do not")


def values(*items: bytes, timestamp: int = NOW_MS, **fields: object) -> bytes:
    return batch(*items, timestamp=timestamp, **fields)


def patched(data: bytes, position: int, layout: str, value: int) -> bytes:
    """The batch with one field of its header changed, and the checksum right again."""
    changed = bytearray(data)
    struct.pack_into(layout, changed, position, value)
    struct.pack_into(">I", changed, 17, crc32c(bytes(changed[21:])))
    return bytes(changed)


def with_broken_checksum(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


GOOD = values(b"first", b"second")
