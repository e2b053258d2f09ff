"""Who waits for an offset is resumed once, in order, and not before it is passed."""

from __future__ import annotations

from broker.partition.offset_waiters import OffsetWaiters, Waiter
from protocol.errors import ErrorCode


def recorder(name: str, told: list[tuple[str, ErrorCode]]) -> Waiter:
    return lambda error: told.append((name, error))


def test_waiters_resume_in_order_as_the_offset_passes_them() -> None:
    told: list[tuple[str, ErrorCode]] = []
    waiters = OffsetWaiters(10)
    waiters.wait_for(11, recorder("a", told))
    waiters.wait_for(13, recorder("b", told))
    assert waiters.advance(12)
    assert told == [("a", ErrorCode.NONE)]
    assert waiters.advance(13)
    assert told == [("a", ErrorCode.NONE), ("b", ErrorCode.NONE)]


def test_what_is_passed_already_does_not_wait() -> None:
    told: list[tuple[str, ErrorCode]] = []
    OffsetWaiters(10).wait_for(10, recorder("a", told))
    assert told == [("a", ErrorCode.NONE)]


def test_progress_never_goes_back() -> None:
    waiters = OffsetWaiters(10)
    assert not waiters.advance(9)
    assert waiters.progress == 10


def test_a_retried_batch_that_waits_for_an_earlier_offset_is_not_resumed_too_soon() -> None:
    told: list[tuple[str, ErrorCode]] = []
    waiters = OffsetWaiters(0)
    waiters.wait_for(8, recorder("new", told))
    waiters.wait_for(5, recorder("retried", told))
    waiters.advance(4)
    assert told == []
    waiters.advance(8)
    assert told == [("new", ErrorCode.NONE), ("retried", ErrorCode.NONE)]


def test_a_failure_reaches_everyone_who_waits_and_nobody_twice() -> None:
    told: list[tuple[str, ErrorCode]] = []
    waiters = OffsetWaiters(0)
    waiters.wait_for(1, recorder("a", told))
    waiters.fail(ErrorCode.KAFKA_STORAGE_ERROR)
    waiters.advance(5)
    assert told == [("a", ErrorCode.KAFKA_STORAGE_ERROR)]
