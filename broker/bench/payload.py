"""What the records of a benchmark hold, and how one is recognised when it is read back.

The value of the first record of every batch begins with its identity, 16 bytes:

    0   4  connection id: the run's number in the upper 16 bits, the connection's in the lower
    4   4  sequence of the request on that connection, from 0
    8   8  when it was sent: CLOCK_MONOTONIC of this machine in ns; in open loop the scheduled instant

A batch is stored whole or not at all, so its further records need none: they are counted by the batch's header
and covered by its checksum.
"""

from __future__ import annotations

import os
import random
import struct

from protocol.records import Compression, Record, build_batch

IDENTITY = struct.Struct(">IIq")
IDENTITY_BYTES = IDENTITY.size

KEY_PATTERNS = ("random", "sequential", "fixed")
PAYLOAD_PATTERNS = ("random", "zeros", "text")
KEY_BYTES = 16

# What holds the place of the identity until a frame is sent; random, so that it is found nowhere else.
_PLACEHOLDER = os.urandom(IDENTITY_BYTES)

_WORDS = (
    "the broker keeps a log of records in order and a reader follows it from any offset on",
    "while leaders and replicas agree about what is committed",
    "so that nothing which was acknowledged is ever lost",
)


def make_value(pattern: str, size: int, *, seed: int) -> bytes:
    """`size` bytes: random ones do not compress, text does by about three, zeros vanish."""
    if pattern == "zeros":
        return bytes(size)
    chance = random.Random(seed)
    if pattern == "random":
        return chance.randbytes(size)
    text = ""
    while len(text) < size:
        text += chance.choice(_WORDS) + " "
    return text[:size].encode()


def make_key(pattern: str, number: int) -> bytes | None:
    if pattern == "fixed":
        return b"benchmark-key"
    if pattern == "sequential":
        return b"key-%012d" % number
    return random.Random(number).randbytes(KEY_BYTES // 2).hex().encode()


class PreparedBatch:
    """One batch of records made before the clock starts, and where in it the identity belongs."""

    def __init__(
        self,
        *,
        record_count: int,
        message_size: int,
        payload_pattern: str,
        key_pattern: str,
        compression: Compression,
        now_ms: int,
        seed: int,
        producer_id: int = -1,
        producer_epoch: int = -1,
    ) -> None:
        assert message_size >= IDENTITY_BYTES, "a value has room for its identity"
        records = [
            Record(
                offset=index,
                timestamp=now_ms,
                key=make_key(key_pattern, seed * record_count + index),
                value=make_value(payload_pattern, message_size, seed=seed * record_count + index),
            )
            for index in range(record_count)
        ]
        first = records[0].value or b""
        records[0].value = _PLACEHOLDER + first[IDENTITY_BYTES:]
        self.record_count = record_count
        self.data = build_batch(
            records,
            compression=compression,
            producer_id=producer_id,
            producer_epoch=producer_epoch,
            base_sequence=0 if producer_id >= 0 else -1,
        )
        # With a producer id its sequence is the identity: it must ascend anyhow, and of a compressed batch
        # nothing else could be changed in place.
        self.identity_at = -1 if producer_id >= 0 else self.data.find(_PLACEHOLDER)
        assert producer_id >= 0 or self.identity_at > 0, "a compressed batch is sent with a producer id"
