"""A disk that forgets: what a node wrote survives a crash only as far as it was synced, or by luck.

Every write is one operation in one sequence. A crash keeps what was synced and, of the rest, a prefix of
random length: the operation at which it ends was torn and is found invalid by its checksum.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from raft import Configuration, Entry, MemoryStorage, Ready

Operation = Callable[[MemoryStorage], object]


class Disk:
    """`current` is what the process reads back; `durable` is what a crash leaves."""

    def __init__(self, configuration: Configuration) -> None:
        self.durable = MemoryStorage(configuration)
        self.current = MemoryStorage(configuration)
        self._unsynced: list[Operation] = []
        self._partial = bytearray()

    def operations_of(self, ready: Ready) -> list[Operation]:
        """The writes of one Ready, in the order that the contract demands."""
        operations: list[Operation] = []
        if ready.hard_state is not None:
            operations.append(lambda storage, state=ready.hard_state: storage.set_hard_state(state))  # type: ignore[misc]
        for chunk in ready.snapshot_chunks:
            if chunk.position == 0:
                self._partial = bytearray()
            assert chunk.position == len(self._partial), "chunks arrive in order"
            self._partial += chunk.data
        if ready.snapshot is not None:
            content, metadata = bytes(self._partial), ready.snapshot
            operations.append(lambda storage: storage.install_snapshot(metadata, content))
        for entry in ready.entries:
            operations.append(_append(entry))
        return operations

    def write(self, operations: list[Operation]) -> None:
        for operation in operations:
            operation(self.current)
        self._unsynced += operations

    def sync(self) -> None:
        for operation in self._unsynced:
            operation(self.durable)
        self._unsynced.clear()

    def take_snapshot(self, index: int, configuration: Configuration, content: bytes, keep: int) -> None:
        """Two writes with a possible crash between them; compaction waits for nothing but the order."""
        low = max(self.current.first_index() - 1, index - keep)
        self.write(
            [
                lambda storage: storage.create_snapshot(index, configuration, content),
                lambda storage: storage.compact(low),
            ]
        )

    def crash(self, in_flight: list[Operation], random: Random) -> None:
        """Lose power while `in_flight` was being written."""
        at_risk = self._unsynced + in_flight
        for operation in at_risk[: random.randint(0, len(at_risk))]:
            operation(self.durable)
        self._unsynced = []
        self._partial = bytearray()
        self.current = self.durable.copy()

    def content(self) -> bytes:
        """The state machine as of the newest snapshot."""
        metadata = self.current.snapshot()
        content = self.current.snapshot_chunk(metadata, 0, metadata.size_bytes + 1)
        assert content is not None
        return content


def _append(entry: Entry) -> Operation:
    return lambda storage: storage.append([entry])
