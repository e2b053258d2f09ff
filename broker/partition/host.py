"""What a partition and those around it agree on: the node it lives in, who reads it, and what a read brings."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Protocol

from broker.clock import Clock
from broker.durability import Durability
from broker.log import ReadResult
from broker.partition.cuts import LogCut
from broker.partition.leader import LeaderHost
from wal import StorageError

if TYPE_CHECKING:
    from broker.partition.partition import Partition

# No epoch known: requests of old versions and clients that do not fence (KIP-320).
NO_LEADER_EPOCH = -1
ALL_REPLICAS = -1


class IsolationLevel(IntEnum):
    READ_UNCOMMITTED = 0
    READ_COMMITTED = 1


@dataclass(slots=True)
class PartitionRead:
    """What one fetch of one partition found. Offsets are ends, exclusive; `records` are whole batches."""

    records: ReadResult
    high_watermark: int
    last_stable_offset: int
    log_start_offset: int


class PartitionHost(LeaderHost, Protocol):
    """The node around its partitions; `PartitionTable` is one."""

    @property
    def durability(self) -> Durability: ...

    @property
    def clock(self) -> Clock: ...

    def schedule_write(self, partition: Partition) -> None:
        """Call `write_out` at the end of this turn of the loop."""
        ...

    def write_refused(self, partition: Partition, error: StorageError) -> None:
        """The disk took back what was appended; the next append may find it well."""
        ...

    def make_cut(self, partition: Partition, cut: LogCut) -> None:
        """The journal has it: take its steps, and tell `partition` of them."""
        ...

    def was_cut(self, partition: Partition) -> None:
        """What had to wait for that may go on."""
        ...

    def isr_change_wanted(self, partition: Partition) -> None:
        """The leader made a proposal: bring it to the controller."""
        ...


class ReplicaReader(Protocol):
    """A follower's fetch session, about one partition that it reads from this leader."""

    def log_grew(self) -> None: ...
    def has_news(self) -> None: ...
    def role_ended(self) -> None: ...
