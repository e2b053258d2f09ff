"""What can be set, and what each number costs."""

from __future__ import annotations

from dataclasses import dataclass

from raft.messages import NO_DIRECTORY


@dataclass(frozen=True, slots=True, kw_only=True)
class RaftConfig:
    """Validated on construction: ValueError names the setting, its value and its bounds."""

    node_id: int

    directory_id: bytes = NO_DIRECTORY
    """KIP-853: the disk this node's log is on. A node that comes back with another disk has forgotten its
    votes and may not vote under its old entry in the configuration. Zeros: not checked."""

    election_ticks: int = 10
    """A follower that hears nothing for between this and twice this many ticks campaigns; a leader that does
    not hear a majority within it steps down. Lower: faster failover, and elections under load. It must be
    several round trips plus the slowest sync."""

    heartbeat_ticks: int = 1
    """How often an idle leader speaks. Well below election_ticks, so that one lost message is not an outage."""

    append_bytes_max: int = 1024 * 1024
    """Payload of one AppendRequest (a single larger entry still goes). Larger: fewer messages while catching
    up, more memory and longer stalls of heartbeats behind them on the same connection."""

    inflight_messages_max: int = 64
    """AppendRequests under way to one follower. Times append_bytes_max it should exceed bandwidth times round
    trip, or the link idles; it is also what one slow follower may hold in memory."""

    inflight_bytes_max: int = 16 * 1024 * 1024
    """The same limit in bytes."""

    committed_bytes_per_ready: int = 8 * 1024 * 1024
    """How much one Ready asks the state machine to apply: bounds how long the loop is held after a restart."""

    proposals_pending_max: int = 10_000
    """Proposals accepted and not settled. Beyond it they are refused (BUSY), so that a leader without a
    quorum does not grow without limit."""

    proposals_pending_bytes_max: int = 64 * 1024 * 1024
    """The same limit in bytes."""

    reads_pending_max: int = 10_000
    """Linear reads under way; beyond it they are refused (BUSY)."""

    snapshot_chunk_bytes: int = 1024 * 1024
    """Payload of one SnapshotChunk; one is under way per follower."""

    def __post_init__(self) -> None:
        self._at_least("node_id", 0)
        self._at_least("heartbeat_ticks", 1)
        if self.election_ticks <= self.heartbeat_ticks:
            raise ValueError(
                f"election_ticks={self.election_ticks} must be above heartbeat_ticks={self.heartbeat_ticks}"
            )
        if len(self.directory_id) != len(NO_DIRECTORY):
            raise ValueError(f"directory_id has {len(self.directory_id)} bytes, must have {len(NO_DIRECTORY)}")
        for name in (
            "append_bytes_max",
            "inflight_messages_max",
            "committed_bytes_per_ready",
            "proposals_pending_max",
            "proposals_pending_bytes_max",
            "reads_pending_max",
            "snapshot_chunk_bytes",
        ):
            self._at_least(name, 1)
        if self.inflight_bytes_max < self.append_bytes_max:
            raise ValueError(
                f"inflight_bytes_max={self.inflight_bytes_max} is below append_bytes_max={self.append_bytes_max}"
            )

    def _at_least(self, name: str, least: int) -> None:
        value = getattr(self, name)
        if value < least:
            raise ValueError(f"{name}={value} must be at least {least}")
