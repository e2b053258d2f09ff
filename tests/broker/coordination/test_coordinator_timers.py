"""Deadlines of a coordinator: each expires once, at its time, unless it was moved or cancelled."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from groups_harness import HeldLoop, LoopClock

from broker.coordination import TimerKey
from broker.coordination.timers import Timers


class Expiries:
    def __init__(self) -> None:
        self.loop = HeldLoop()
        self.expired: list[tuple[int, str]] = []
        self.timers = Timers(LoopClock(self.loop, 0), self.loop, self._on_expired)

    def _on_expired(self, key: TimerKey) -> None:
        self.expired.append((self.loop.now_ms, key[0]))


@pytest.fixture
def world() -> Iterator[Expiries]:
    expiries = Expiries()
    yield expiries
    expiries.timers.close()
    expiries.loop.close()


def test_deadlines_pass_in_order(world: Expiries) -> None:
    for key, delay_ms in (("c", 30), ("a", 10), ("b", 20)):
        world.timers.schedule((key,), delay_ms)
    world.loop.advance(25)
    assert world.expired == [(10, "a"), (20, "b")]
    world.loop.advance(5)
    assert world.expired[-1] == (30, "c")


def test_a_deadline_that_moves_later_passes_once(world: Expiries) -> None:
    world.timers.schedule(("a",), 10)
    for _ in range(5):
        world.loop.advance(5)
        world.timers.schedule(("a",), 10)
    world.loop.advance(100)
    assert world.expired == [(35, "a")]


def test_a_deadline_that_moves_earlier_passes_once(world: Expiries) -> None:
    world.timers.schedule(("a",), 100)
    world.timers.schedule(("a",), 10)
    world.loop.advance(200)
    assert world.expired == [(10, "a")]


def test_a_cancelled_deadline_does_not_pass(world: Expiries) -> None:
    world.timers.schedule(("a",), 10)
    world.timers.cancel(("a",))
    world.timers.cancel(("never set",))
    world.loop.advance(100)
    assert world.expired == []
    assert len(world.timers) == 0


def test_one_that_passes_may_cancel_another_of_the_same_time(world: Expiries) -> None:
    world.timers.schedule(("a",), 10)
    world.timers.schedule(("b",), 10)
    original = world._on_expired
    world.timers._on_expired = lambda key: (world.timers.cancel(("b",)), original(key))[1]
    world.loop.advance(10)
    assert world.expired == [(10, "a")]


def test_one_that_sets_a_late_deadline_does_not_delay_earlier_ones(world: Expiries) -> None:
    world.timers.schedule(("soon",), 0)
    world.timers.schedule(("later",), 50)
    original = world._on_expired

    def on_expired(key: TimerKey) -> None:
        original(key)
        if key == ("soon",):
            world.timers.schedule(("much later",), 500)

    world.timers._on_expired = on_expired
    world.loop.advance(60)
    assert world.expired == [(0, "soon"), (50, "later")]


def test_one_that_fails_does_not_take_the_others_with_it(world: Expiries) -> None:
    for key in ("a", "b", "c"):
        world.timers.schedule((key,), 10)
    original = world._on_expired

    def on_expired(key: TimerKey) -> None:
        assert key != ("a",), "the rule of this timer fails"
        original(key)

    world.timers._on_expired = on_expired
    with pytest.raises(AssertionError, match="a callback failed"):
        world.loop.advance(10)
    world.loop.failures.clear()
    world.loop.advance(1)
    assert [key for _, key in world.expired] == ["b", "c"]


def test_nothing_expires_after_closing(world: Expiries) -> None:
    world.timers.schedule(("a",), 10)
    world.timers.close()
    world.timers.schedule(("b",), 10)
    world.loop.advance(100)
    assert world.expired == []


@pytest.mark.parametrize("seed", range(20))
def test_any_sequence_expires_as_a_plain_table_would(world: Expiries, seed: int) -> None:
    chance = random.Random(seed)
    table: dict[str, int] = {}
    expected: set[tuple[int, str]] = set()
    for _ in range(300):
        key = chance.choice("abcdefgh")
        action = chance.random()
        if action < 0.5:
            delay_ms = chance.randrange(0, 60)
            world.timers.schedule((key,), delay_ms)
            table[key] = world.loop.now_ms + delay_ms
        elif action < 0.6:
            world.timers.cancel((key,))
            table.pop(key, None)
        else:
            until = world.loop.now_ms + chance.randrange(1, 30)
            due = {name: at for name, at in table.items() if at <= until}
            expected |= {(at, name) for name, at in due.items()}
            table = {name: at for name, at in table.items() if name not in due}
            world.loop.advance(until - world.loop.now_ms)
            assert set(world.expired) == expected
    assert len(world.expired) == len(expected)
