"""Idempotent producers: the table of producer_state.py, line by line, and what a restart remembers."""

from __future__ import annotations

import pytest
from log_harness import batch
from log_harness.batches import NOW_MS
from log_harness.logs import LogOnDisk

from broker.log import NOT_PLAIN, AppendOrigin, LogConfig
from protocol.errors import ErrorCode, KafkaError
from protocol.records import ControlType, end_transaction_marker

SEQUENCE_MAX = 2**31 - 1


def produced(sequence: int, count: int = 1, *, epoch: int = 0, transactional: bool = False) -> bytes:
    return batch(
        *[b"%d" % (sequence + index) for index in range(count)],
        producer_id=7,
        producer_epoch=epoch,
        base_sequence=sequence,
        transactional=transactional,
    )


def marker(control_type: ControlType, *, epoch: int = 0, coordinator_epoch: int = 1) -> bytes:
    return end_transaction_marker(
        control_type, producer_id=7, producer_epoch=epoch, coordinator_epoch=coordinator_epoch, timestamp_ms=NOW_MS
    )


def refused(on_disk: LogOnDisk, data: bytes, **arguments: AppendOrigin) -> ErrorCode:
    before = on_disk.log.log_end_offset
    with pytest.raises(KafkaError) as error:
        on_disk.append(data, **arguments)
    assert on_disk.log.log_end_offset == before
    return error.value.code


def test_a_duplicate_of_any_of_the_last_five_batches_answers_its_old_offsets() -> None:
    on_disk = LogOnDisk()
    for sequence in range(0, 12, 2):
        on_disk.append(produced(sequence, 2))
    for sequence in range(2, 12, 2):
        result = on_disk.append(produced(sequence, 2))
        assert result.is_duplicate
        assert (result.base_offset, result.last_offset) == (sequence, sequence + 1)
    assert refused(on_disk, produced(0, 2)) is ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
    assert on_disk.log.log_end_offset == 12


def test_a_gap_is_out_of_order() -> None:
    on_disk = LogOnDisk()
    on_disk.append(produced(0))
    assert refused(on_disk, produced(2)) is ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER


def test_a_batch_that_overlaps_an_earlier_one_is_out_of_order() -> None:
    on_disk = LogOnDisk()
    on_disk.append(produced(0, 3))
    assert refused(on_disk, produced(0, 2)) is ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER


def test_an_unknown_producer_may_begin_anywhere() -> None:
    assert LogOnDisk().append(produced(41)).base_offset == 0


def test_sequences_wrap_to_zero() -> None:
    on_disk = LogOnDisk()
    on_disk.append(produced(SEQUENCE_MAX - 1, 3))
    assert on_disk.append(produced(1)).base_offset == 3
    on_disk = LogOnDisk()
    on_disk.append(produced(SEQUENCE_MAX))
    assert on_disk.append(produced(0)).base_offset == 1


@pytest.mark.parametrize("restart", [False, True])
def test_a_batch_over_the_wrap_is_known_when_it_comes_again(restart: bool) -> None:
    on_disk = LogOnDisk()
    on_disk.append(produced(SEQUENCE_MAX - 1, 3))
    if restart:
        on_disk.restart()
    assert on_disk.append(produced(SEQUENCE_MAX - 1, 3)).is_duplicate
    assert refused(on_disk, produced(SEQUENCE_MAX)) is ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
    assert on_disk.append(produced(1)).base_offset == 3


def test_the_short_way_wraps_sequences_too() -> None:
    on_disk = LogOnDisk()
    on_disk.append(produced(SEQUENCE_MAX - 1))
    for offset, sequence in enumerate((SEQUENCE_MAX, 0, 1), start=1):
        data = produced(sequence)
        assert on_disk.log.append_plain(data, 0, len(data), 1, NOW_MS) == offset
    data = produced(1)
    assert on_disk.log.append_plain(data, 0, len(data), 1, NOW_MS) == NOT_PLAIN
    assert on_disk.append(data).is_duplicate


def test_an_older_epoch_is_fenced() -> None:
    on_disk = LogOnDisk()
    on_disk.append(produced(0, epoch=3))
    assert refused(on_disk, produced(1, epoch=2)) is ErrorCode.INVALID_PRODUCER_EPOCH


def test_a_new_epoch_begins_at_zero() -> None:
    on_disk = LogOnDisk()
    on_disk.append(produced(0))
    assert refused(on_disk, produced(1, epoch=1)) is ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
    assert on_disk.append(produced(0, epoch=1)).base_offset == 1


@pytest.mark.parametrize("restart", [False, True])
def test_batches_of_the_epoch_before_are_forgotten_with_it(restart: bool) -> None:
    """KIP-360: sequence 0 of the new epoch is new, though the epoch before began with it."""
    on_disk = LogOnDisk()
    for sequence in range(3):
        on_disk.append(produced(sequence))
    assert not on_disk.append(produced(0, epoch=1)).is_duplicate
    if restart:
        on_disk.restart()
    assert on_disk.append(produced(0, epoch=1)).is_duplicate
    assert refused(on_disk, produced(2, epoch=1)) is ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
    assert refused(on_disk, produced(3)) is ErrorCode.INVALID_PRODUCER_EPOCH
    assert on_disk.append(produced(1, epoch=1)).base_offset == 4


@pytest.mark.parametrize("restart", [False, True])
def test_a_marker_with_a_new_epoch_fences_the_old_one_and_sequences_begin_at_zero(restart: bool) -> None:
    """KIP-890: the coordinator raises the epoch with the marker that ends a transaction."""
    on_disk = LogOnDisk()
    on_disk.append(produced(0, transactional=True))
    on_disk.append(marker(ControlType.COMMIT, epoch=1), origin=AppendOrigin.COORDINATOR)
    if restart:
        on_disk.restart()
    assert refused(on_disk, produced(1, transactional=True)) is ErrorCode.INVALID_PRODUCER_EPOCH
    assert refused(on_disk, produced(1, epoch=1)) is ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
    assert on_disk.append(produced(0, epoch=1)).base_offset == 2


def test_within_an_open_transaction_every_write_is_transactional() -> None:
    on_disk = LogOnDisk()
    on_disk.append(produced(0, transactional=True))
    assert refused(on_disk, produced(1)) is ErrorCode.INVALID_TXN_STATE


@pytest.mark.parametrize("way", ["clean", "kill", "power loss"])
def test_five_batches_are_remembered_over_a_restart(way: str) -> None:
    on_disk = LogOnDisk(LogConfig(segment_bytes=400))
    for sequence in range(8):
        on_disk.append(produced(sequence))
    if way == "clean":
        on_disk.restart()
    else:
        on_disk.logs.checkpoint(0)
        on_disk.append(produced(8))
        on_disk.kill(power_loss=way == "power loss")
    last = on_disk.log.log_end_offset - 1
    for sequence in range(last - 4, last + 1):
        result = on_disk.append(produced(sequence))
        assert result.is_duplicate
        assert result.base_offset == sequence
    assert on_disk.append(produced(last + 1)).base_offset == last + 1


def test_truncation_takes_the_producers_back_with_it() -> None:
    on_disk = LogOnDisk(LogConfig(segment_bytes=300))
    for sequence in range(6):
        on_disk.append(produced(sequence))
    on_disk.log.truncate_to(4)
    assert refused(on_disk, produced(5)) is ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
    assert on_disk.append(produced(4)).base_offset == 4


def test_idle_producers_are_forgotten_but_not_with_a_transaction_open() -> None:
    on_disk = LogOnDisk()
    on_disk.append(produced(0))
    on_disk.append(batch(b"t", producer_id=8, producer_epoch=0, base_sequence=0, transactional=True))
    assert on_disk.log.expire_producers(NOW_MS + 999, 1000) == 0
    assert on_disk.log.expire_producers(NOW_MS + 1000, 1000) == 1
    assert [producer.producer_id for producer in on_disk.log.producers()] == [8]


def test_describe_producers_has_what_is_known() -> None:
    on_disk = LogOnDisk()
    on_disk.append(produced(0, 3, transactional=True))
    (producer,) = on_disk.log.producers()
    assert (producer.producer_id, producer.producer_epoch, producer.last_sequence) == (7, 0, 2)
    assert (producer.last_timestamp_ms, producer.current_transaction_first_offset) == (NOW_MS, 0)


def test_read_committed_stops_at_the_open_transaction_and_goes_on_when_its_marker_is_committed() -> None:
    on_disk = LogOnDisk()
    on_disk.append(batch(b"plain"))
    on_disk.append(produced(0, 2, transactional=True))
    on_disk.append(batch(b"plain"))
    assert on_disk.log.first_unstable_offset == 1
    assert on_disk.log.last_stable_offset(4) == 1
    on_disk.append(marker(ControlType.COMMIT), origin=AppendOrigin.COORDINATOR)
    assert on_disk.log.first_unstable_offset is None
    # The marker is at 4: until the high watermark passes it, it could still be lost.
    assert on_disk.log.last_stable_offset(4) == 1
    assert on_disk.log.last_stable_offset(5) == 5


@pytest.mark.parametrize("kill", [False, True])
def test_aborted_transactions_are_found_for_the_offsets_they_touch(kill: bool) -> None:
    on_disk = LogOnDisk(LogConfig(segment_bytes=350))
    on_disk.append(batch(b"plain"))
    on_disk.append(produced(0, 2, transactional=True))
    on_disk.append(marker(ControlType.ABORT), origin=AppendOrigin.COORDINATOR)
    on_disk.append(produced(2, 2, transactional=True))
    on_disk.append(marker(ControlType.COMMIT), origin=AppendOrigin.COORDINATOR)
    on_disk.append(batch(bytes(200)))
    if kill:
        on_disk.kill(power_loss=True)
    found = on_disk.log.aborted_transactions(0, 8)
    assert [(entry.producer_id, entry.first_offset, entry.last_offset) for entry in found] == [(7, 1, 3)]
    assert on_disk.log.aborted_transactions(4, 8) == []
    assert on_disk.log.aborted_transactions(0, 1) == []


def test_a_marker_of_a_deposed_coordinator_is_refused() -> None:
    on_disk = LogOnDisk()
    on_disk.append(produced(0, transactional=True))
    on_disk.append(marker(ControlType.ABORT, coordinator_epoch=5), origin=AppendOrigin.COORDINATOR)
    on_disk.append(produced(1, transactional=True))
    late = marker(ControlType.COMMIT, coordinator_epoch=4)
    assert refused(on_disk, late, origin=AppendOrigin.COORDINATOR) is ErrorCode.TRANSACTION_COORDINATOR_FENCED
