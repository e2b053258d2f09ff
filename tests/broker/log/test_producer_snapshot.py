"""Snapshots of producers: what comes back of one, and what Kafka's reader finds in it."""

from __future__ import annotations

from struct import unpack_from

import pytest
from crc32c import crc32c
from hypothesis import given
from hypothesis import strategies as st

from broker.log.producer_snapshot import decode_snapshot, encode_snapshot
from broker.log.producer_state import SEQUENCE_MAX, ProducedBatch, ProducerEntry, ProducerStates
from wal import CorruptionError

INT16 = st.integers(-(2**15), 2**15 - 1)
INT32 = st.integers(-(2**31), 2**31 - 1)
INT64 = st.integers(-(2**63), 2**63 - 1)
OFFSET = st.integers(0, 2**62)
BATCHES = st.lists(
    st.builds(ProducedBatch, st.integers(0, SEQUENCE_MAX), st.integers(0, SEQUENCE_MAX), OFFSET, INT64), max_size=7
)


@st.composite
def producers(draw: st.DrawFn) -> ProducerEntry:
    entry = ProducerEntry(draw(INT16))
    for batch in draw(BATCHES):
        entry.add(*batch)
    entry.last_timestamp = draw(INT64)
    entry.coordinator_epoch = draw(INT32)
    entry.transaction_first_offset = draw(OFFSET | st.just(-1))
    return entry


def state(states: ProducerStates) -> object:
    of_producers = {
        producer_id: (
            entry.producer_epoch,
            entry.next_sequence,
            entry.batches,
            entry.last_timestamp,
            entry.coordinator_epoch,
            entry.transaction_first_offset,
        )
        for producer_id, entry in states.entries.items()
    }
    return of_producers, states.first_ongoing_offset


@given(entries=st.dictionaries(INT64, producers(), max_size=5))
def test_what_is_known_of_producers_comes_back_from_their_snapshot(entries: dict[int, ProducerEntry]) -> None:
    states = ProducerStates(entries)
    assert state(decode_snapshot(encode_snapshot(states), "x.snapshot")) == state(states)


def test_kafkas_reader_finds_the_last_batch_of_each_producer() -> None:
    """Kafka's ProducerSnapshot, version 1, field by field; toolchains/test_kafka_records.py asks Kafka itself."""
    entry = ProducerEntry(3)
    entry.add(SEQUENCE_MAX - 1, 1, 40, 1000)
    entry.add(0, 4, 42, 2000)
    entry.transaction_first_offset = 40
    entry.coordinator_epoch = 9
    data = encode_snapshot(ProducerStates({7: entry, 8: ProducerEntry(0)}))
    version, crc, count = unpack_from(">hIi", data)
    assert (version, crc, count) == (1, crc32c(data[6:]), 2)
    producer, nothing_yet = unpack_from(">qhiqiqiq", data, 10), unpack_from(">qhiqiqiq", data, 10 + 46)
    assert producer == (7, 3, 4, 46, 4, 2000, 9, 40)
    assert nothing_yet == (8, 0, -1, -1, 0, -1, -1, -1)


def test_a_damaged_snapshot_is_told_apart() -> None:
    states = ProducerStates()
    data = encode_snapshot(states)
    with pytest.raises(CorruptionError):
        decode_snapshot(data[:-1] + b"\x01", "x.snapshot")
    with pytest.raises(CorruptionError):
        decode_snapshot(b"", "x.snapshot")
