"""Kafka's `.txnindex`: the transactions aborted in a segment, for consumers that read only what is committed.

     0     2            10             18            26                  34
     ┌─────┬────────────┬──────────────┬─────────────┬───────────────────┐
     │ver 0│ producer id│ first offset │ last offset │ last stable offset│
     └─────┴────────────┴──────────────┴─────────────┴───────────────────┘

An entry lies in the segment that holds the abort marker (its last offset). The last stable offset is the log's
once this transaction is out of the way, so a reader knows when no later entry can concern it. Most segments
have no such file. Entries are written as they come; a crash takes at most what the recovery scan brings back.
"""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct
from typing import NamedTuple

from broker.log.disk import Disk

TRANSACTION_ENTRY = Struct(">hqqqq")
ENTRY_VERSION = 0


class AbortedTransaction(NamedTuple):
    producer_id: int
    first_offset: int
    last_offset: int  # of the marker
    last_stable_offset: int


def encode_aborted(entries: Iterable[AbortedTransaction]) -> bytes:
    return b"".join([TRANSACTION_ENTRY.pack(ENTRY_VERSION, *entry) for entry in entries])


class TransactionIndex:
    """The aborted transactions of one segment, read from their file when first asked for."""

    __slots__ = ("_entries", "disk", "path")

    def __init__(self, disk: Disk, path: str) -> None:
        self.disk = disk
        self.path = path
        self._entries: list[AbortedTransaction] | None = None

    def entries(self) -> list[AbortedTransaction]:
        if self._entries is None:
            self._entries = self._read() if self.disk.exists(self.path) else []
        return self._entries

    def _read(self) -> list[AbortedTransaction]:
        data = self.disk.read_all(self.path)
        size = TRANSACTION_ENTRY.size
        whole = len(data) - len(data) % size
        if whole < len(data):
            self.disk.truncate(self.path, whole)
        rows = TRANSACTION_ENTRY.iter_unpack(data[:whole])
        return [AbortedTransaction(*row[1:]) for row in rows]

    def append(self, entry: AbortedTransaction) -> None:
        entries = self.entries()
        self.disk.append(self.path, [encode_aborted([entry])])
        entries.append(entry)

    def truncate_to(self, offset: int) -> bool:
        """Drop transactions whose marker lies at or after `offset`. True if any did."""
        entries = self.entries()
        kept = [entry for entry in entries if entry.last_offset < offset]
        if len(kept) == len(entries):
            return False
        self.disk.truncate(self.path, len(kept) * TRANSACTION_ENTRY.size)
        self._entries = kept
        return True

    def forget(self) -> None:
        """The file was replaced: read it again."""
        self._entries = None
