"""The machines of a simulated cluster: how bad their weather is, what they apply, what they hold."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from raft import EntryKind, Outcome, RaftNode, Ready, Role
from raft.messages import Entry
from raft_harness.disk import Disk, Operation

TICK_MS = 10


@dataclass
class Faults:
    """How bad the weather is. Probabilities per message; times in ms."""

    drop: float = 0.0
    duplicate: float = 0.0
    delay_ms: tuple[float, float] = (0.2, 2.0)
    slow_message: float = 0.0  # reordered far behind
    disk_ms: tuple[float, float] = (0.1, 1.0)
    tick_skew: float = 0.0
    readies_under_way: int = 1
    snapshot_every: int = 0
    snapshot_keep: int = 5
    encode: bool = False


class StateMachine:
    """Named registers; a digest of everything applied stands for the rest of the state."""

    def __init__(self, content: bytes = b"0\n0\n") -> None:
        index, digest, *registers = content.decode().rstrip("\n").split("\n")
        self.applied = int(index)
        self.digest = digest
        self.registers = dict(line.split("=", 1) for line in registers)

    def apply(self, entry: Entry) -> None:
        assert entry.index == self.applied + 1, f"applied {entry.index} after {self.applied}"
        self.applied = entry.index
        self.digest = next_digest(self.digest, entry)
        if entry.kind is EntryKind.NORMAL:
            name, _, value = entry.data.decode().partition("=")
            self.registers[name] = value

    def content(self) -> bytes:
        lines = [str(self.applied), self.digest, *(f"{name}={self.registers[name]}" for name in self.registers)]
        return ("\n".join(lines) + "\n").encode()


def next_digest(digest: str, entry: Entry) -> str:
    text = f"{digest}|{entry.index}|{entry.term}|{entry.kind}|".encode() + entry.data
    return hashlib.blake2b(text, digest_size=8).hexdigest()


@dataclass
class SimulatedNode:
    """One machine: its disk outlives the process, everything else goes with it."""

    id: int
    disk: Disk
    directory_id: bytes = bytes(16)
    raft: RaftNode | None = None
    machine: StateMachine = field(default_factory=StateMachine)
    incarnation: int = 0
    paused: bool = False
    inbox: list[Callable[[], None]] = field(default_factory=list)
    tick_ms: float = TICK_MS
    committed: int = 0
    term: int = 0
    role: Role = Role.FOLLOWER
    under_way: list[tuple[Ready, list[Operation]]] = field(default_factory=list)
    proposals: dict[int, tuple[int, Callable[[Outcome], None]]] = field(default_factory=dict)
    reads: dict[int, Callable[[int | None], None]] = field(default_factory=dict)
    reads_waiting: list[tuple[int, Callable[[int | None], None]]] = field(default_factory=list)
