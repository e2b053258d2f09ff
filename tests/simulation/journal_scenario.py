"""A journal used at random on a disk that crashes at random, beside a model of what it promised.

The promises, checked after every restart by `JournalScenario.check`:

- committed: every entry that `commit` covered (and `trim` did not give up) is there, with its bytes
- in order, nothing twice, no holes: the sequences that replay yields are consecutive
- only a suffix vanishes: what is there beyond the committed entries is a run directly behind them
- nothing invented: each entry is the one that was enqueued under its sequence
- recovery is idempotent: opening once more changes nothing, and a crash inside recovery neither
"""

from __future__ import annotations

import errno
import random
from dataclasses import dataclass

from simulation.simulated_filesystem import SimulatedCrash, SimulatedFilesystem
from wal import CorruptionError, Journal, JournalLimits, StorageError

DIRECTORY = "data/journal"

# Small, so that a few dozen operations fill several segments and reuse one.
TINY_LIMITS = JournalLimits(commit_bytes_max=3000, commit_entries_max=8, segment_bytes=6144, spare_segments_max=1)

FAULTS = (
    ("datasync", errno.EIO),
    ("write", errno.ENOSPC),
    ("write", errno.EIO),
    ("rename", errno.EIO),
    ("create", errno.ENOSPC),
    ("sync_directory", errno.EIO),
)


@dataclass(frozen=True, slots=True)
class Sent:
    kind: int
    payload: bytes


class JournalScenario:
    """One journal through any number of lives. `rng` decides the work; the disk's own decides what a crash leaves."""

    def __init__(
        self,
        seed: int,
        *,
        limits: JournalLimits = TINY_LIMITS,
        disk: SimulatedFilesystem | None = None,
        prepares: bool = False,
    ) -> None:
        self.rng = random.Random(seed)
        self.disk = disk or SimulatedFilesystem(self.rng.getrandbits(64))
        self.limits = limits
        self.prepares = prepares
        self.sent: dict[int, Sent] = {}
        self.committed = 0
        self.given_up_below = 1
        self.crashes = 0
        self.faults = 0

    def live(self, *, operations_max: int) -> None:
        """Open, check, work; the machine stops within `operations_max` changes of the disk, wherever that is.

        In some lives an operation fails before that, and the process ends as it must then.
        """
        self.disk.crash_at = self.rng.randrange(1, operations_max + 1)
        if self.rng.random() < 0.3:
            operation, error = self.rng.choice(FAULTS)
            self.disk.fail(operation, error, skip=self.rng.randrange(operations_max // 2))
        try:
            journal = self._open_and_check()
            while True:
                self._work(journal)
                if self.rng.random() < 0.02:
                    journal.close()
                    journal = self._open_and_check()
        except CorruptionError:
            raise
        except StorageError:
            self.faults += 1
            self.disk = self.disk.kill()
        except SimulatedCrash:
            self.crash()

    def crash(self) -> None:
        self.crashes += 1
        self.disk = self.disk.power_loss() if self.rng.random() < 0.8 else self.disk.kill()

    def check(self) -> None:
        """Open without another crash, twice."""
        journal = self._open_and_check()
        found = self._found(journal)
        journal.close()
        journal = self._open_and_check()
        assert self._found(journal) == found, "recovering once more changed the journal"
        journal.close()

    def _open_and_check(self) -> Journal:
        journal = Journal.open(self.disk, DIRECTORY, self.limits)
        found = self._found(journal)
        sequences = [sequence for sequence, _ in found]
        last = journal.durable_sequence
        first = sequences[0] if sequences else last + 1
        assert sequences == list(range(first, last + 1)), f"holes or repetitions: {sequences}"
        assert first <= max(self.given_up_below, 1), f"entries {self.given_up_below} to {first - 1} are gone"
        assert last >= self.committed, f"entries {last + 1} to {self.committed} were committed and are gone"
        for sequence, entry in found:
            assert entry == self.sent[sequence], f"entry {sequence} is not what was enqueued"
        # What did not survive was never promised; its sequences are given again.
        self.sent = {sequence: entry for sequence, entry in self.sent.items() if sequence <= last}
        self.committed = last
        return journal

    @staticmethod
    def _found(journal: Journal) -> list[tuple[int, Sent]]:
        return [(entry.sequence, Sent(entry.kind, bytes(entry.payload))) for entry in journal.replay()]

    def _work(self, journal: Journal) -> None:
        for _ in range(self.rng.randrange(6)):
            kind = self.rng.randrange(256)
            payload = self.rng.randbytes(self._payload_bytes())
            cut = self.rng.randrange(len(payload) + 1)
            sequence = journal.enqueue(kind, [payload[:cut], memoryview(payload)[cut:]])
            assert sequence not in self.sent, f"sequence {sequence} given twice"
            self.sent[sequence] = Sent(kind, payload)
        self.committed = journal.commit()
        if self.rng.random() < 0.1 and self.committed:
            below = self.rng.randrange(1, self.committed + 2)
            self.given_up_below = max(self.given_up_below, below)
            journal.trim(below)
        if self.prepares and journal.wants_spare:
            self._prepare(journal)

    def _prepare(self, journal: Journal) -> None:
        try:
            journal.prepare()
        except StorageError:
            self.faults += 1
            assert not journal.wants_spare, "it is tried once"

    def _payload_bytes(self) -> int:
        return self.rng.choice((0, 1, 100, 350, 350, 600, 1500, self.rng.randrange(9000)))


def run_journal_seed(seed: int, *, lives: int = 4, operations_max: int = 60, prepares: bool = False) -> int:
    """One scenario from start to end; returns how many crashes and faults it survived, or raises what it did not."""
    scenario = JournalScenario(seed, prepares=prepares)
    for _ in range(lives):
        scenario.live(operations_max=operations_max if scenario.rng.random() < 0.8 else 8)
    scenario.check()
    return scenario.crashes + scenario.faults
