"""Transactions as a compaction meets them: which batches belong to an aborted one, and when a marker is not needed.

Batches come in offset order, aborted transactions from the transaction indexes. A marker must outlive its data: while
a consumer may still read a batch of the transaction, it needs the marker, and for an aborted one the index entry. So a
marker may go only when a whole pass has met none of its transaction's data.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from broker.log.transaction_index import AbortedTransaction
from protocol.records import BatchHeader, ControlType


class _Aborted:
    __slots__ = ("data_seen", "entry")

    def __init__(self, entry: AbortedTransaction) -> None:
        self.entry = entry
        self.data_seen = False


class CleanedTransactions:
    """`aborted` are the entries of the transaction indexes; batches and markers are to be asked for in their order."""

    def __init__(self, aborted: Iterable[AbortedTransaction]) -> None:
        self._to_come = deque(sorted(aborted, key=lambda entry: entry.first_offset))
        self._aborted: dict[int, _Aborted] = {}
        self._committed: set[int] = set()
        self._still_indexed: list[AbortedTransaction] = []

    def is_aborted(self, header: BatchHeader) -> bool:
        """Whether this data batch belongs to an aborted transaction, and so goes."""
        self._reach(header.last_offset)
        if not header.is_transactional:
            return False
        aborted = self._aborted.get(header.producer_id)
        if aborted is not None:
            aborted.data_seen = True
            return True
        self._committed.add(header.producer_id)
        return False

    def is_marker_needless(self, header: BatchHeader, control_type: ControlType) -> bool:
        """Whether this marker's transaction has no data any more."""
        self._reach(header.last_offset)
        if control_type is ControlType.ABORT:
            aborted = self._aborted.pop(header.producer_id, None)
            if aborted is None or not aborted.data_seen:
                return True
            self._still_indexed.append(aborted.entry)
            return False
        if control_type is ControlType.COMMIT:
            had_data = header.producer_id in self._committed
            self._committed.discard(header.producer_id)
            return not had_data
        return False

    def take_indexed(self) -> list[AbortedTransaction]:
        """Entries that the cleaned segments' index must keep, since this was last asked."""
        taken, self._still_indexed = self._still_indexed, []
        return taken

    def _reach(self, offset: int) -> None:
        while self._to_come and self._to_come[0].first_offset <= offset:
            entry = self._to_come.popleft()
            self._aborted[entry.producer_id] = _Aborted(entry)
