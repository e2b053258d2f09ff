"""Appending as a leader: what is refused and how, which offsets are given, what is collected and what is written."""

from __future__ import annotations

import errno

import pytest
from log_harness import batch, keyed_batch, records_of
from log_harness.batches import NOW_MS
from log_harness.logs import LogOnDisk

from broker.log import AppendOrigin, InvalidRecords, LogConfig
from protocol.errors import ErrorCode, KafkaError
from protocol.records import (
    Compression,
    ControlType,
    Record,
    build_batch,
    end_transaction_marker,
    iterate_batches,
    read_batch_header,
    write_message_set,
)
from wal import StorageError


def refusal(on_disk: LogOnDisk, data: bytes, *, now_ms: int = NOW_MS) -> KafkaError:
    with pytest.raises(KafkaError) as refused:
        on_disk.append(data, now_ms=now_ms)
    assert on_disk.log.log_end_offset == 0
    return refused.value


def test_offsets_follow_each_other_and_the_result_says_which() -> None:
    on_disk = LogOnDisk()
    first = on_disk.append(batch(b"a", b"b", b"c"))
    second = on_disk.append(batch(b"d"))
    assert (first.base_offset, first.last_offset, first.record_count) == (0, 2, 3)
    assert (second.base_offset, second.last_offset, second.log_append_time_ms) == (3, 3, -1)
    assert on_disk.log.log_end_offset == 4


def test_the_stored_batch_is_the_producers_but_for_offset_and_epoch() -> None:
    on_disk = LogOnDisk()
    on_disk.append(batch(b"first"))
    sent = batch(b"second")
    on_disk.append(sent, leader_epoch=7)
    stored = on_disk.log.read(1, max_bytes=1000, max_offset=2).records
    header = read_batch_header(stored)
    assert (header.base_offset, header.partition_leader_epoch) == (1, 7)
    assert stored[16:] == sent[16:]


def test_a_large_batch_is_not_copied_into_one_piece() -> None:
    on_disk = LogOnDisk()
    sent = batch(bytes(100_000))
    on_disk.log.append_as_leader(memoryview(sent), leader_epoch=0, now_ms=NOW_MS)
    buffers = on_disk.log.write_out()
    assert [len(buffer) for buffer in buffers] == [16, len(sent) - 16]
    assert on_disk.log.read(0, max_bytes=200_000, max_offset=1).records == b"".join(buffers)


def test_readers_see_only_what_was_written_out() -> None:
    on_disk = LogOnDisk()
    on_disk.log.append_as_leader(batch(b"a"), leader_epoch=0, now_ms=NOW_MS)
    assert on_disk.log.log_end_offset == 1
    assert on_disk.log.read(0, max_bytes=1000, max_offset=1).records == b""
    on_disk.log.write_out()
    assert records_of(on_disk.log.read(0, max_bytes=1000, max_offset=1).records)[0].value == b"a"


def test_one_turn_is_one_write() -> None:
    on_disk = LogOnDisk()
    on_disk.append(batch(b"warm"))
    before = len(on_disk.disk.trace)
    for _ in range(10):
        on_disk.log.append_as_leader(batch(b"a"), leader_epoch=1, now_ms=NOW_MS)
    on_disk.log.write_out()
    assert [operation for operation, _ in on_disk.disk.trace[before:] if operation == "write"] == ["write"]


def test_two_batches_in_one_append_are_refused() -> None:
    assert refusal(LogOnDisk(), batch(b"a") + batch(b"b")).code is ErrorCode.INVALID_RECORD


@pytest.mark.parametrize("cut", [0, 10, 60, 65])
def test_a_cut_batch_is_corrupt(cut: int) -> None:
    assert refusal(LogOnDisk(), batch(b"abcdef")[:cut]).code is ErrorCode.CORRUPT_MESSAGE


def test_a_flipped_bit_is_corrupt() -> None:
    data = bytearray(batch(b"abcdef"))
    data[-3] ^= 1
    assert refusal(LogOnDisk(), bytes(data)).code is ErrorCode.CORRUPT_MESSAGE


def test_a_batch_larger_than_max_message_bytes_is_too_large() -> None:
    data = batch(bytes(500))
    on_disk = LogOnDisk(LogConfig(max_message_bytes=len(data) - 1))
    assert refusal(on_disk, data).code is ErrorCode.MESSAGE_TOO_LARGE
    on_disk.log.update_config(LogConfig(max_message_bytes=len(data)))
    assert on_disk.append(data).base_offset == 0


def test_a_batch_larger_than_a_segment_is_refused_by_another_name() -> None:
    on_disk = LogOnDisk(LogConfig(segment_bytes=400))
    assert refusal(on_disk, batch(bytes(500))).code is ErrorCode.RECORD_LIST_TOO_LARGE


def test_a_client_may_not_write_control_batches() -> None:
    marker = end_transaction_marker(
        ControlType.ABORT, producer_id=1, producer_epoch=0, coordinator_epoch=0, timestamp_ms=NOW_MS
    )
    assert refusal(LogOnDisk(), marker).code is ErrorCode.INVALID_RECORD


def test_a_client_numbers_its_batch_from_zero() -> None:
    assert refusal(LogOnDisk(), batch(b"a", base_offset=5)).code is ErrorCode.INVALID_RECORD


def test_a_producer_id_needs_a_sequence() -> None:
    data = batch(b"a", producer_id=3, producer_epoch=0)
    assert refusal(LogOnDisk(), data).code is ErrorCode.INVALID_RECORD


def test_a_compacted_topic_names_the_records_without_a_key() -> None:
    on_disk = LogOnDisk(LogConfig(cleanup_policy=("compact",)))
    error = refusal(on_disk, keyed_batch([(b"k", b"1"), (None, b"2"), (b"k", b"3"), (None, b"4")]))
    assert isinstance(error, InvalidRecords)
    assert error.code is ErrorCode.INVALID_RECORD
    assert [index for index, _ in error.record_errors] == [1, 3]


def test_timestamps_too_far_ahead_are_refused_record_by_record() -> None:
    on_disk = LogOnDisk(LogConfig(message_timestamp_after_max_ms=1000))
    data = build_batch([Record(0, NOW_MS, None, b"in time"), Record(1, NOW_MS + 1001, None, b"too young")])
    error = refusal(on_disk, data)
    assert isinstance(error, InvalidRecords)
    assert error.code is ErrorCode.INVALID_TIMESTAMP
    assert [index for index, _ in error.record_errors] == [1]
    assert on_disk.append(data, now_ms=NOW_MS + 1).base_offset == 0


def test_timestamps_too_far_back_are_refused() -> None:
    on_disk = LogOnDisk(LogConfig(message_timestamp_before_max_ms=1000))
    assert refusal(on_disk, batch(b"a", timestamp=NOW_MS - 1001)).code is ErrorCode.INVALID_TIMESTAMP
    assert on_disk.append(batch(b"a", timestamp=NOW_MS - 1000)).base_offset == 0


def test_a_record_without_a_timestamp_is_never_too_old() -> None:
    on_disk = LogOnDisk(LogConfig(message_timestamp_before_max_ms=1000))
    assert on_disk.append(batch(b"a", timestamp=-1)).base_offset == 0


def test_a_header_that_lies_about_its_largest_timestamp_is_made_true() -> None:
    on_disk = LogOnDisk()
    lying = bytearray(batch(b"a"))
    lying[35:43] = (NOW_MS - 5).to_bytes(8, "big")
    header = read_batch_header(bytes(lying))
    from crc32c import crc32c

    lying[17:21] = crc32c(bytes(lying[21:])).to_bytes(4, "big")
    assert header.max_timestamp == NOW_MS - 5
    assert on_disk.append(bytes(lying)).max_timestamp == NOW_MS


def test_log_append_time_is_stamped_and_answered() -> None:
    on_disk = LogOnDisk(LogConfig(message_timestamp_type="LogAppendTime"))
    result = on_disk.append(batch(b"a", timestamp=5), now_ms=NOW_MS)
    assert result.log_append_time_ms == NOW_MS
    stored = on_disk.log.read(0, max_bytes=1000, max_offset=1).records
    assert read_batch_header(stored).is_log_append_time
    assert records_of(stored)[0].timestamp == NOW_MS


@pytest.mark.parametrize("sent", list(Compression))
@pytest.mark.parametrize("configured", ["uncompressed", "gzip", "snappy", "lz4", "zstd"])
def test_the_topics_codec_wins_over_the_producers(sent: Compression, configured: str) -> None:
    on_disk = LogOnDisk(LogConfig(compression_type=configured))
    on_disk.append(batch(b"a" * 100, b"b" * 100, compression=sent))
    stored = on_disk.log.read(0, max_bytes=10_000, max_offset=2).records
    expected = Compression.NONE if configured == "uncompressed" else Compression[configured.upper()]
    assert read_batch_header(stored).compression is expected
    assert [record.value for record in records_of(stored)] == [b"a" * 100, b"b" * 100]


def test_producer_keeps_the_producers_codec() -> None:
    on_disk = LogOnDisk()
    sent = batch(b"a" * 100, compression=Compression.ZSTD)
    on_disk.append(sent)
    assert on_disk.log.read(0, max_bytes=10_000, max_offset=1).records[16:] == sent[16:]


@pytest.mark.parametrize("magic", [0, 1])
def test_message_sets_of_old_clients_become_one_batch(magic: int) -> None:
    on_disk = LogOnDisk()
    messages = [Record(0, NOW_MS, b"k", b"v"), Record(1, NOW_MS, None, b"w")]
    result = on_disk.append(write_message_set(messages, magic, Compression.GZIP))
    assert (result.base_offset, result.last_offset) == (0, 1)
    stored = on_disk.log.read(0, max_bytes=10_000, max_offset=2).records
    assert len(list(iterate_batches(stored))) == 1
    assert [(record.key, record.value) for record in records_of(stored)] == [(b"k", b"v"), (None, b"w")]


def test_a_full_disk_leaves_the_log_as_the_journal_knows_it() -> None:
    on_disk = LogOnDisk()
    on_disk.append(batch(b"kept"))
    on_disk.disk.fail("write", errno.ENOSPC, path_part=".log")
    on_disk.log.append_as_leader(batch(b"lost"), leader_epoch=1, now_ms=NOW_MS)
    with pytest.raises(StorageError, match="No space left"):
        on_disk.log.write_out()
    assert on_disk.log.log_end_offset == 1
    result = on_disk.append(batch(b"after space was made"))
    assert result.base_offset == 1
    read = on_disk.log.read(0, max_bytes=10_000, max_offset=2)
    assert [record.value for record in records_of(read.records)] == [b"kept", b"after space was made"]


def test_a_full_disk_at_a_roll_fails_what_was_collected_before_it_too() -> None:
    on_disk = LogOnDisk(LogConfig(segment_bytes=300))
    on_disk.append(batch(bytes(150)))
    on_disk.log.append_as_leader(batch(b"same turn"), leader_epoch=1, now_ms=NOW_MS)
    on_disk.disk.fail("create", errno.ENOSPC, path_part=".log")
    with pytest.raises(StorageError):
        on_disk.log.append_as_leader(batch(bytes(150)), leader_epoch=1, now_ms=NOW_MS)
    with pytest.raises(StorageError):
        on_disk.log.write_out()
    assert on_disk.log.log_end_offset == 1
    assert on_disk.append(batch(b"next turn")).base_offset == 1


def test_a_follower_takes_batches_as_they_are_with_their_gaps() -> None:
    on_disk = LogOnDisk()
    leaders = batch(b"a", base_offset=3, partition_leader_epoch=2) + batch(
        b"b", base_offset=9, partition_leader_epoch=4
    )
    result = on_disk.log.append_as_follower(leaders)
    on_disk.write_out()
    assert (result.base_offset, result.last_offset) == (3, 9)
    assert on_disk.log.leader_epochs.entries == [(2, 3), (4, 9)]
    assert on_disk.log.read(0, max_bytes=1000, max_offset=10).records == leaders
    with pytest.raises(KafkaError):
        on_disk.log.append_as_follower(batch(b"back", base_offset=5))


def test_a_segment_rolls_by_size_by_time_and_when_its_index_is_full() -> None:
    by_size = LogOnDisk(LogConfig(segment_bytes=300))
    by_time = LogOnDisk(LogConfig(segment_ms=1000))
    by_index = LogOnDisk(LogConfig(segment_index_bytes=16, index_interval_bytes=0))
    for number in range(6):
        by_size.append(batch(bytes(100)))
        by_time.append(batch(b"a", timestamp=NOW_MS + 400 * number), now_ms=NOW_MS + 400 * number)
        by_index.append(batch(b"a"))
    assert [segment.base_offset for segment in by_size.log.segments] == [0, 1, 2, 3, 4, 5]
    assert [segment.base_offset for segment in by_time.log.segments] == [0, 3]
    assert len(by_index.log.segments) > 1


def test_a_coordinator_may_write_control_batches() -> None:
    on_disk = LogOnDisk()
    marker = end_transaction_marker(
        ControlType.COMMIT, producer_id=1, producer_epoch=0, coordinator_epoch=0, timestamp_ms=NOW_MS
    )
    assert on_disk.append(marker, origin=AppendOrigin.COORDINATOR).last_offset == 0
