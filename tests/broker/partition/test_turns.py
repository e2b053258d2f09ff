"""Waiting for the disk by the turn of the loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from broker.partition.turns import Turns
from wal import Buffer


class Disk:
    """`Durability` whose entries become durable when the test says so; `pending` is oldest first."""

    def __init__(self) -> None:
        self.pending: list[Callable[[], None]] = []

    def append(
        self, kind: int, parts: Sequence[Buffer], on_durable: Callable[[], None], *, record_count: int = 1
    ) -> None: ...

    def append_durably(self, kind: int, payload: Buffer, on_durable: Callable[[], None]) -> None: ...

    def after_all(self, on_durable: Callable[[], None]) -> None:
        self.pending.append(on_durable)

    def wake(self) -> None: ...


def test_who_waits_for_a_turn_is_told_when_that_turn_is_durable() -> None:
    turns, disk, told = Turns(), Disk(), []
    turns.wait(lambda: told.append("first"))
    turns.wait(lambda: told.append("second"))
    turns.written(disk)
    turns.wait(lambda: told.append("third"))
    turns.written(disk)
    disk.pending[0]()
    assert told == ["first", "second"]
    disk.pending[1]()
    assert told == ["first", "second", "third"]


def test_a_turn_may_be_durable_before_an_older_one() -> None:
    """flush=interval: one that waits for the disk, behind it one that is acknowledged from the page cache."""
    turns, disk, told = Turns(), Disk(), []
    for name in ("older", "younger"):
        turns.wait(lambda name=name: told.append(name))  # type: ignore[misc]
        turns.written(disk)
    disk.pending[1]()
    assert told == ["younger"]


def test_a_turn_in_which_nobody_waits_asks_the_disk_for_nothing() -> None:
    turns, disk = Turns(), Disk()
    turns.written(disk)
    assert not disk.pending


def test_a_journal_that_failed_ends_every_wait_once() -> None:
    turns, disk, told = Turns(), Disk(), []
    turns.wait(lambda: told.append("first"))
    turns.written(disk)
    turns.end_all()
    disk.pending[0]()
    assert told == ["first"]


def test_one_waiter_that_fails_takes_no_other_with_it() -> None:
    turns, disk, told = Turns(), Disk(), []
    turns.wait(lambda: [][0])
    turns.wait(lambda: told.append("second"))
    turns.written(disk)
    disk.pending[0]()
    assert told == ["second"]
