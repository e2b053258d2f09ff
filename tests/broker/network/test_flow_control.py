"""The bytes of requests under way have one limit over all connections; who is paused goes on when half is free, and who
is in the middle of a request one after another."""

from __future__ import annotations

import pytest

from broker.network.flow_control import RequestBytes


class Reader:
    """A connection that reads as long as it may."""

    def __init__(self, request_bytes: RequestBytes, *, within_a_frame: bool = False) -> None:
        self.request_bytes = request_bytes
        self.is_within_a_frame = within_a_frame
        self.reads = True
        self.times_let_through = 0
        request_bytes.join(self)

    def look_for_room(self) -> None:
        self.reads = self.request_bytes.may_read(self)

    def let_through(self) -> None:
        self.times_let_through += 1
        self.reads = True


def test_it_is_full_at_its_limit_and_not_below() -> None:
    held = RequestBytes(100)
    held.take(99)
    assert not held.is_full
    held.take(1)
    assert held.is_full
    held.give_back(1)
    assert not held.is_full


def test_one_request_above_the_limit_is_taken_all_the_same() -> None:
    """Otherwise a request larger than the limit would wait for ever."""
    held = RequestBytes(100)
    held.take(5000)
    assert (held.is_full, held.held_bytes) == (True, 5000)


def test_at_the_limit_everybody_pauses_at_once_and_goes_on_when_half_is_free() -> None:
    """Thousands of connections that each read one more piece first would be a limit of their own."""
    held = RequestBytes(100)
    readers = [Reader(held), Reader(held)]
    held.take(100)
    assert [reader.reads for reader in readers] == [False, False]
    held.give_back(49)
    assert [reader.reads for reader in readers] == [False, False]
    held.give_back(1)
    assert [reader.reads for reader in readers] == [True, True]


def test_of_those_within_a_frame_one_at_a_time_is_let_through() -> None:
    """Halves of requests free nothing: were all of them paused, nothing would ever move again."""
    held = RequestBytes(100)
    readers = [Reader(held, within_a_frame=True) for _ in range(3)]
    idle = Reader(held)
    held.take(100)
    assert sum(reader.reads for reader in readers) == 1
    for _ in range(2):
        (through,) = [reader for reader in readers if reader.reads]
        through.is_within_a_frame = through.reads = False
        held.passed(through)
    assert [reader.times_let_through for reader in readers] == [1, 1, 1]
    assert not idle.reads


def test_who_is_let_through_may_read_only_to_the_end_of_its_frame() -> None:
    held = RequestBytes(100)
    reader = Reader(held, within_a_frame=True)
    held.take(100)
    assert held.may_read(reader)
    reader.is_within_a_frame = False
    assert not held.may_read(reader)


def test_above_the_overdraft_nobody_is_let_through_until_something_is_answered() -> None:
    """A disk that stalls while whole requests come in one by one must not be a way around the limit."""
    held = RequestBytes(100, overdraft_bytes_max=50)
    first, second = (Reader(held, within_a_frame=True) for _ in range(2))
    held.take(100)
    through, other = (first, second) if first.reads else (second, first)
    held.take(60)
    through.is_within_a_frame = False
    held.passed(through)
    assert not other.reads
    held.give_back(20)
    assert other.reads


@pytest.mark.parametrize("within_a_frame", [True, False])
def test_who_is_gone_is_not_woken_and_does_not_keep_others_waiting(within_a_frame: bool) -> None:
    held = RequestBytes(100)
    gone = Reader(held, within_a_frame=within_a_frame)
    held.take(100)
    here = Reader(held, within_a_frame=True)
    here.look_for_room()
    held.leave(gone)
    assert here.reads
    gone.reads = False
    held.give_back(100)
    assert not gone.reads
