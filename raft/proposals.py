"""Who waits for which entry, so that every accepted proposal settles exactly once.

A proposal is OK when the entry at its index is committed with its term, NOT_LEADER when another term's entry
is committed there. A leader that steps down keeps its proposals open for two election timeouts, in which the
next leader usually decides them; what is open then is UNKNOWN, as is what a snapshot skipped.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from raft.messages import Entry
from raft.ready import Outcome, Settled


@dataclass(slots=True)
class _Pending:
    proposal_id: int
    index: int
    term: int
    size_bytes: int


class Proposals:
    """Accepted proposals in log order."""

    __slots__ = ("_next_id", "_pending", "pending_bytes", "settled", "unknown_at_tick")

    def __init__(self) -> None:
        self._next_id = 1
        self._pending: deque[_Pending] = deque()
        self.pending_bytes = 0
        self.settled: list[Settled] = []
        self.unknown_at_tick: int | None = None

    def __len__(self) -> int:
        return len(self._pending)

    def accept(self, entry: Entry) -> int:
        assert not self._pending or self._pending[-1].index < entry.index, "proposals are in log order"
        proposal_id = self._next_id
        self._next_id += 1
        size_bytes = len(entry.data)
        self._pending.append(_Pending(proposal_id, entry.index, entry.term, size_bytes))
        self.pending_bytes += size_bytes
        return proposal_id

    def committed(self, entries: list[Entry]) -> None:
        """These entries, consecutive and next in order, are committed."""
        pending = self._pending
        if not pending:
            return
        first, last = entries[0].index, entries[-1].index
        while pending and pending[0].index <= last:
            waiting = pending[0]
            assert waiting.index >= first, "a proposal that was passed over"
            is_ours = entries[waiting.index - first].term == waiting.term
            self._settle_first(Outcome.OK if is_ours else Outcome.NOT_LEADER)

    def skipped_to(self, index: int) -> None:
        """A snapshot took the place of everything up to `index`: whose entries those were is not known."""
        while self._pending and self._pending[0].index <= index:
            self._settle_first(Outcome.UNKNOWN)

    def drop_replaced(self, terms: dict[int, int | None]) -> None:
        """Leading again: what this log does not hold any more may survive in another's. `terms` has this
        log's term for every open index."""
        kept: deque[_Pending] = deque()
        for waiting in self._pending:
            if terms[waiting.index] == waiting.term:
                kept.append(waiting)
            else:
                self._settle(waiting, Outcome.UNKNOWN)
        self._pending = kept
        self.unknown_at_tick = None

    def open_indexes(self) -> list[int]:
        return [waiting.index for waiting in self._pending]

    def give_up(self) -> None:
        while self._pending:
            self._settle_first(Outcome.UNKNOWN)
        self.unknown_at_tick = None

    def take_settled(self) -> list[Settled]:
        settled, self.settled = self.settled, []
        return settled

    def _settle_first(self, outcome: Outcome) -> None:
        self._settle(self._pending.popleft(), outcome)

    def _settle(self, waiting: _Pending, outcome: Outcome) -> None:
        self.pending_bytes -= waiting.size_bytes
        self.settled.append(Settled(waiting.proposal_id, outcome, waiting.index))
