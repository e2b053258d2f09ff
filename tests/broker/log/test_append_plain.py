"""Appending a plain batch the short way leaves the log as the general way does, or leaves it alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_harness import batch
from log_harness.batches import NOW_MS
from log_harness.logs import LogOnDisk

from broker.log import NOT_PLAIN, AppendOrigin, LogConfig
from protocol.errors import KafkaError
from protocol.records import Compression

EPOCH = 3

BATCHES = st.one_of(
    st.builds(batch, st.binary(max_size=200)),
    st.builds(
        lambda values, epoch, sequence: batch(*values, producer_id=7, producer_epoch=epoch, base_sequence=sequence),
        st.lists(st.binary(max_size=50), min_size=1, max_size=3),
        st.integers(0, 1),
        st.integers(0, 6),
    ),
    st.builds(
        lambda value, later: batch(value, timestamp=NOW_MS + later), st.binary(max_size=9), st.integers(0, 10**7)
    ),
    st.just(batch(b"a", b"b")),
    st.builds(
        lambda values, codec: batch(*values, compression=codec),
        st.lists(st.binary(max_size=50), min_size=1, max_size=3),
        st.sampled_from(Compression),
    ),
)


def state(on_disk: LogOnDisk) -> object:
    log = on_disk.log
    producers = {
        producer_id: (entry.producer_epoch, entry.last_timestamp, list(entry.batches))
        for producer_id, entry in log.producer_states.entries.items()
    }
    on_disk.write_out()
    records = log.read(0, max_bytes=1 << 30, max_offset=log.log_end_offset).records if log.log_end_offset else b""
    return log.log_end_offset, len(log.segments), log.active.max_timestamp, producers, records


def append_plain(on_disk: LogOnDisk, data: bytes, leader_epoch: int = EPOCH) -> int:
    """As it lies in a request, between other bytes."""
    return on_disk.log.append_plain(b"before" + data + b"behind", 6, 6 + len(data), leader_epoch, NOW_MS)


def append_generally(on_disk: LogOnDisk, data: bytes) -> int:
    """The base offset; -2 where it is refused, or a duplicate."""
    try:
        result = on_disk.log.append_as_leader(data, leader_epoch=EPOCH, now_ms=NOW_MS, origin=AppendOrigin.CLIENT)
    except KafkaError:
        return -2
    return -2 if result.is_duplicate else result.base_offset


@settings(max_examples=60, deadline=None)
@given(sent=st.lists(BATCHES, max_size=30), write_every=st.integers(1, 9))
def test_the_short_way_does_what_the_general_way_does(sent: list[bytes], write_every: int) -> None:
    config = LogConfig(segment_bytes=1500, max_message_bytes=1400)
    quick, general = LogOnDisk(config), LogOnDisk(config)
    for number, data in enumerate(sent):
        offset = append_plain(quick, data)
        if offset == NOT_PLAIN:
            offset = append_generally(quick, data)
        assert offset == append_generally(general, data)
        if number % write_every == 0:
            assert state(quick) == state(general)
    assert state(quick) == state(general)


@pytest.mark.parametrize(
    "config",
    [
        LogConfig(cleanup_policy=("compact",)),
        LogConfig(message_timestamp_type="LogAppendTime"),
        LogConfig(compression_type="zstd"),
        LogConfig(compression_type="uncompressed"),
        LogConfig(message_timestamp_before_max_ms=1000),
        LogConfig(max_message_bytes=60),
    ],
)
def test_a_topic_that_asks_more_of_every_batch_takes_none_the_short_way(config: LogConfig) -> None:
    on_disk = LogOnDisk()
    on_disk.log.append_as_leader(batch(b"x"), leader_epoch=EPOCH, now_ms=NOW_MS)
    assert append_plain(on_disk, batch(b"x")) == 1
    on_disk.log.update_config(config)
    append_generally(on_disk, batch(b"x", compression=Compression.NONE))
    assert append_plain(on_disk, batch(b"x")) == NOT_PLAIN


def test_another_leader_epoch_is_noted_by_the_general_way() -> None:
    on_disk = LogOnDisk()
    on_disk.log.append_as_leader(batch(b"x"), leader_epoch=EPOCH, now_ms=NOW_MS)
    assert append_plain(on_disk, batch(b"x"), EPOCH + 1) == NOT_PLAIN
    assert append_plain(on_disk, batch(b"x")) == 1
