"""The seam between those who decide about metadata and the log that makes a decision the cluster's."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from broker.metadata import MetadataPublisher, MetadataRecord
from raft import NO_DIRECTORY, Configuration, RaftConfig
from wal import JournalLimits

# How much log is replayed at a start, at most twice: about 30,000 records, a tenth of a second.
SNAPSHOT_INTERVAL_BYTES = 4 << 20
# A proposal is a few hundred bytes; more than this waiting means that disks or network do not keep up.
PROPOSALS_MAX = 10_000

LIMITS = JournalLimits(
    commit_bytes_max=1 << 20, commit_entries_max=4096, segment_bytes=SNAPSHOT_INTERVAL_BYTES, spare_segments_max=1
)


@dataclass(frozen=True, slots=True)
class QuorumSettings:
    """`bootstrap`: who takes part according to the configuration, until the log itself says something else."""

    bootstrap: Configuration
    directory_id: bytes = NO_DIRECTORY
    # Whether this directory has been part of a cluster: then a log that holds nothing has been lost.
    log_must_exist: bool = False
    tick_ms: int = 50
    heartbeat_ticks: int = 2
    # A leader that is silent for this long, up to twice, is replaced.
    election_timeout_ms: int = 1000
    snapshot_interval_bytes: int = SNAPSHOT_INTERVAL_BYTES
    proposals_max: int = PROPOSALS_MAX
    limits: JournalLimits = LIMITS

    def raft_config(self, node_id: int) -> RaftConfig:
        return RaftConfig(
            node_id=node_id,
            directory_id=self.directory_id,
            election_ticks=max(2 * self.heartbeat_ticks, self.election_timeout_ms // self.tick_ms),
            heartbeat_ticks=self.heartbeat_ticks,
            proposals_pending_max=self.proposals_max,
        )


class Quorum(Protocol):
    """Called from the event-loop thread only."""

    @property
    def is_leader(self) -> bool:
        """Whether `propose` is worth trying here: this node leads, and its image holds all that was committed."""
        ...

    @property
    def leader_id(self) -> int | None:
        """The node that proposals belong on; None while there is no such node."""
        ...

    def require_leader(self) -> None:
        """Raises KafkaError, the one that `propose` would, unless `is_leader`."""
        ...

    async def start(self, publisher: MetadataPublisher) -> None:
        """Begin to take part. In a quorum of one, everything committed so far is applied when this returns.

        Raises wal.StorageError or UnknownMetadata where the log cannot be read.
        """
        ...

    async def stop(self) -> None:
        """Settle what was proposed, then close the log."""
        ...

    def propose(self, records: Sequence[MetadataRecord]) -> asyncio.Future[None]:
        """Put `records` into the log as one entry, applied whole or not at all.

        The entry has its place in the log when this returns; the future completes after it was applied to the
        image of this broker, or fails with KafkaError (KAFKA_STORAGE_ERROR, NOT_CONTROLLER: it may be applied all the
        same). It is shared: whoever may be cancelled awaits it through `asyncio.shield`.
        A proposal that got no place raises at once: NOT_CONTROLLER, KAFKA_STORAGE_ERROR, or REQUEST_TIMED_OUT where
        too many wait already.
        """
        ...
