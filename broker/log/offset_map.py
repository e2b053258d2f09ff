"""Which offset holds the latest record of each key: what a compaction remembers of the part it has not cleaned yet."""

from __future__ import annotations

from hashlib import blake2b

# log.cleaner.dedupe.buffer.size at its default; an entry of a dict with a short bytes key takes about this much.
BYTES_PER_ENTRY = 160
MEMORY_BYTES_DEFAULT = 134_217_728

# Longer keys are remembered by a digest of this size: two different keys do not have the same one.
DIGEST_BYTES = 16


class OffsetMap:
    """Bounded: when `is_full`, the compaction goes on with what it has and does the rest in its next round."""

    __slots__ = ("_entries_max", "_offsets")

    def __init__(self, memory_bytes: int = MEMORY_BYTES_DEFAULT) -> None:
        self._entries_max = max(1, memory_bytes // BYTES_PER_ENTRY)
        self._offsets: dict[bytes, int] = {}

    def put(self, key: bytes, offset: int) -> None:
        """Offsets come in ascending order, so the last one put is the latest."""
        self._offsets[key if len(key) < DIGEST_BYTES else blake2b(key, digest_size=DIGEST_BYTES).digest()] = offset

    def latest(self, key: bytes) -> int:
        """-1 for a key that is not in the part the map is of."""
        return self._offsets.get(
            key if len(key) < DIGEST_BYTES else blake2b(key, digest_size=DIGEST_BYTES).digest(), -1
        )

    @property
    def is_full(self) -> bool:
        return len(self._offsets) >= self._entries_max

    def __len__(self) -> int:
        return len(self._offsets)
