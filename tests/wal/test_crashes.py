"""Thousands of crashes: the promises in `simulation.journal_scenario`, after a stop at any change of the disk.

`scripts/soak_wal.py` runs many more seeds of the same.
"""

from __future__ import annotations

import pytest
from simulation import SimulatedCrash, SimulatedFilesystem
from simulation.journal_scenario import TINY_LIMITS, JournalScenario, run_journal_seed
from simulation.simulated_content import SimulatedContent

from wal import Journal

SEEDS = 800
SEEDS_PER_TEST = 200

# Seeds at which a journal without one of its precautions loses entries, found by taking them out one by one.
STORIES = {
    "the directory's parent is synced by whoever opens it, not only by who made it": (9, 140, 618),
    "the last commit is written again after a failed sync": (31, 56, 106),
    "each trimmed segment's removal is synced before the next": (4, 14, 20),
}


@pytest.mark.parametrize("prepares", [False, True])
@pytest.mark.parametrize("first_seed", range(0, SEEDS, SEEDS_PER_TEST))
def test_what_was_committed_survives_crashes_anywhere(first_seed: int, prepares: bool) -> None:
    crashes = 0
    for seed in range(first_seed, first_seed + SEEDS_PER_TEST):
        try:
            crashes += run_journal_seed(seed, prepares=prepares)
        except Exception as error:
            raise AssertionError(f"seed {seed} of run_journal_seed: {error}") from error
    assert crashes >= SEEDS_PER_TEST * 3


@pytest.mark.parametrize("precaution", STORIES)
def test_the_seeds_that_need_a_precaution_find_it_in_place(precaution: str) -> None:
    for seed in STORIES[precaution]:
        run_journal_seed(seed)


def a_fixed_piece_of_work(disk: SimulatedFilesystem, promised: list[int]) -> None:
    """Begin, commit, prepare, roll, trim, reuse, close, reopen: every kind of change a journal makes to the disk."""
    for prepares in (False, True, False):
        journal = Journal.open(disk, "a/b/journal", TINY_LIMITS)
        for _ in range(12):
            journal.enqueue(1, [b"%d:" % journal.next_sequence, bytes(1400)])
            promised[1] = journal.commit()
            while prepares and journal.wants_spare:
                journal.prepare()
        promised[0] = max(promised[0], journal.durable_sequence - 3)
        journal.trim(promised[0])
        for _ in range(5):
            journal.enqueue(2, [b"%d:" % journal.next_sequence])
            promised[1] = journal.commit()
        journal.close()


def count_operations() -> int:
    disk = SimulatedFilesystem()
    a_fixed_piece_of_work(disk, [1, 0])
    kinds = {operation for operation, _ in disk.trace}
    assert kinds == {"make_directory", "create", "write", "datasync", "rename", "sync_directory", "truncate", "remove"}
    return disk.operations


@pytest.mark.parametrize("way", ["power_loss", "kill", "kill then power_loss"])
def test_a_crash_at_every_single_operation_loses_nothing_committed(way: str) -> None:
    for operation in range(1, count_operations() + 1):
        for seed in range(6):
            disk = SimulatedFilesystem(seed)
            disk.crash_at = operation
            trimmed_and_committed = [1, 0]
            with pytest.raises(SimulatedCrash):
                a_fixed_piece_of_work(disk, trimmed_and_committed)
            first, last = trimmed_and_committed

            if way != "power_loss":
                disk = disk.kill()
            if way == "kill then power_loss":
                Journal.open(disk, "a/b/journal", TINY_LIMITS)
            if way != "kill":
                disk = disk.power_loss()
            journal = Journal.open(disk, "a/b/journal", TINY_LIMITS)

            found = {entry.sequence: bytes(entry.payload) for entry in journal.replay()}
            story = f"operation {operation}, seed {seed}: {min(found, default=0)}..{max(found, default=0)}"
            assert journal.durable_sequence >= last, story
            assert set(range(first, last + 1)) <= set(found), story
            assert all(payload.startswith(b"%d:" % sequence) for sequence, payload in found.items()), story


def test_a_crash_at_every_operation_of_recovery_changes_nothing() -> None:
    for seed in range(60):
        scenario = JournalScenario(seed)
        scenario.live(operations_max=60)
        for operation in range(1, 12):
            scenario.disk.crash_at = operation
            try:
                scenario.check()
                break
            except SimulatedCrash:
                scenario.crash()
        scenario.disk.crash_at = None
        scenario.check()


class _LyingContent(SimulatedContent):
    """A disk whose sync does nothing."""

    def sync(self) -> None:
        pass

    def sync_range(self, position: int, length: int) -> None:
        pass


def test_a_disk_that_lies_about_syncing_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scenario can fail: without durable writes it loses entries within a few seeds."""
    monkeypatch.setattr("simulation.simulated_filesystem.SimulatedContent", _LyingContent)
    with pytest.raises(Exception, match=r"are gone|damaged|header"):
        for seed in range(50):
            run_journal_seed(seed)


def test_the_same_seed_tells_the_same_story() -> None:
    first, second = JournalScenario(11), JournalScenario(11)
    for scenario in (first, second):
        for _ in range(3):
            scenario.live(operations_max=50)
    assert first.disk.rng.random() == second.disk.rng.random()
    assert first.sent == second.sent
    assert first.committed == second.committed
