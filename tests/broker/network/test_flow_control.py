"""The bytes of requests under way have one limit over all connections; who is paused goes on when half is free."""

from __future__ import annotations

import pytest

from broker.network.flow_control import RequestBytes


class Paused:
    def __init__(self, request_bytes: RequestBytes) -> None:
        self.request_bytes = request_bytes
        self.went_on_with: list[int] = []

    def go_on(self) -> None:
        self.went_on_with.append(self.request_bytes.held_bytes)


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


def test_who_waits_goes_on_once_when_half_is_free() -> None:
    held = RequestBytes(100)
    waiting = [Paused(held), Paused(held)]
    held.take(100)
    for connection in waiting:
        held.wait_for_room(connection)
        held.wait_for_room(connection)
    held.give_back(49)
    assert [connection.went_on_with for connection in waiting] == [[], []]
    held.give_back(1)
    assert [connection.went_on_with for connection in waiting] == [[50], [50]]
    held.give_back(50)
    assert [connection.went_on_with for connection in waiting] == [[50], [50]]


def test_who_is_gone_is_not_woken() -> None:
    held = RequestBytes(100)
    gone, here = Paused(held), Paused(held)
    held.take(100)
    held.wait_for_room(gone)
    held.wait_for_room(here)
    held.forget(gone)
    held.give_back(100)
    assert (gone.went_on_with, here.went_on_with) == ([], [0])


def test_who_is_woken_may_wait_again_at_once() -> None:
    held = RequestBytes(100)

    class Greedy(Paused):
        def go_on(self) -> None:
            super().go_on()
            self.request_bytes.take(100)
            self.request_bytes.wait_for_room(self)

    greedy = Greedy(held)
    held.take(100)
    held.wait_for_room(greedy)
    held.give_back(100)
    assert greedy.went_on_with == [0]
    held.give_back(100)
    assert greedy.went_on_with == [0, 0]


def test_giving_back_twice_is_our_fault() -> None:
    held = RequestBytes(100)
    held.take(10)
    held.give_back(10)
    with pytest.raises(AssertionError, match="given back twice"):
        held.give_back(10)
