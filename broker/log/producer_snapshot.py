"""The snapshot file of a partition's producers (`<offset>.snapshot`: their state below that offset), as Kafka reads it.

Big-endian:

    int16 version (1), uint32 CRC-32C of the rest, int32 producers, then each:
    int64 producer id, int16 epoch; int32 last sequence, int64 last offset, int32 offset delta of its last batch (-1, -1
    and 0 without one); int64 last timestamp, int32 coordinator epoch, int64 open transaction's first offset (-1 none)

That is Kafka's format, which keeps the last batch only. Behind it, where Kafka's reader does not look, are all five: a
client with five requests in flight resends the oldest of them after a restart and must hear "duplicate", not "out of
order". For each producer, in the same order:

    int8 batches, then each: int32 first sequence, int32 offset delta, int64 first offset, int64 timestamp
"""

from __future__ import annotations

from struct import Struct, error

from crc32c import crc32c

from broker.log.producer_state import ProducerEntry, ProducerStates
from wal import CorruptionError

SNAPSHOT_VERSION = 1
_PREFIX = Struct(">hI")
_COUNT = Struct(">i")
_PRODUCER = Struct(">qhiqiqiq")
_BATCHES = Struct(">b")
_BATCH = Struct(">iiqq")


def encode_snapshot(states: ProducerStates) -> bytes:
    kept = [(producer_id, entry, entry.batches) for producer_id, entry in states.entries.items()]
    parts = [_COUNT.pack(len(kept))]
    for producer_id, entry, batches in kept:
        parts.append(
            _PRODUCER.pack(
                producer_id,
                entry.producer_epoch,
                entry.last_sequence,
                entry.last_offset,
                batches[-1].last_offset_delta if batches else 0,
                entry.last_timestamp,
                entry.coordinator_epoch,
                entry.transaction_first_offset,
            )
        )
    for _, _, batches in kept:
        parts.append(_BATCHES.pack(len(batches)))
        parts += [_BATCH.pack(*batch) for batch in batches]
    body = b"".join(parts)
    return _PREFIX.pack(SNAPSHOT_VERSION, crc32c(body)) + body


def decode_snapshot(data: bytes, path: str) -> ProducerStates:
    """Raises CorruptionError where the file is torn or not a snapshot; the caller takes an older one."""
    try:
        version, crc = _PREFIX.unpack_from(data)
        if version != SNAPSHOT_VERSION or crc32c(data[_PREFIX.size :]) != crc:
            raise CorruptionError(f"{path} is not a producer snapshot, or is damaged")
        return ProducerStates(_decode_entries(data))
    except error as torn:
        raise CorruptionError(f"{path} ends too early for a producer snapshot") from torn


def _decode_entries(data: bytes) -> dict[int, ProducerEntry]:
    (count,) = _COUNT.unpack_from(data, _PREFIX.size)
    position = _PREFIX.size + _COUNT.size
    producers = [_PRODUCER.unpack_from(data, position + _PRODUCER.size * index) for index in range(count)]
    position += _PRODUCER.size * count
    entries: dict[int, ProducerEntry] = {}
    for producer_id, producer_epoch, _, _, _, last_timestamp, coordinator_epoch, transaction_first_offset in producers:
        entry = entries[producer_id] = ProducerEntry(producer_epoch)
        (batches,) = _BATCHES.unpack_from(data, position)
        position += _BATCHES.size
        for _ in range(batches):
            entry.add(*_BATCH.unpack_from(data, position))
            position += _BATCH.size
        # A marker has a timestamp, too.
        entry.last_timestamp = last_timestamp
        entry.coordinator_epoch = coordinator_epoch
        entry.transaction_first_offset = transaction_first_offset
    return entries
