"""The rules of a leader about its followers: who is in sync, who may join, what all of them have. Nothing here acts.

A follower's fetch offset is the end (exclusive) of what it has made durable, so its fetch is its acknowledgement.

| word | meaning |
|---|---|
| isr | the replicas that the metadata says are in sync; the leader is always one of them |
| proposed | what the leader asked the controller to make of them, while it has no answer |
| maximal isr | isr and proposed together: whoever may be elected, whichever of the two comes true |
| high watermark | the least end offset of the maximal isr; it never goes back |

The high watermark also waits for a follower outside that keeps up, or, under load, it would run ahead of every fetch
and the follower could never join. It stands still while fewer than `min.insync.replicas` are in sync (KIP-966): what
was acknowledged with acks=all is on that many replicas at least.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

UNKNOWN_OFFSET = -1
UNKNOWN_BROKER_EPOCH = -1


@dataclass(slots=True)
class FollowerProgress:
    """What a leader knows of one follower. Times are monotonic ms."""

    end_offset: int = UNKNOWN_OFFSET
    log_start_offset: int = UNKNOWN_OFFSET
    # The last moment at which it had everything that the leader had.
    caught_up_ms: int = 0
    broker_epoch: int = UNKNOWN_BROKER_EPOCH
    # Of the fetch before: when it came, and where the leader's log ended then.
    last_fetch_ms: int = 0
    last_leader_end_offset: int = UNKNOWN_OFFSET

    def fetched(self, fetch_offset: int, leader_end_offset: int, now_ms: int) -> None:
        """A fetch from `fetch_offset` came while the leader's log ended at `leader_end_offset`."""
        if fetch_offset >= leader_end_offset:
            self.caught_up_ms = now_ms
        elif self.last_leader_end_offset != UNKNOWN_OFFSET and fetch_offset >= self.last_leader_end_offset:
            # It has all that was there when it asked before: it was caught up then, however much came since.
            self.caught_up_ms = max(self.caught_up_ms, self.last_fetch_ms)
        self.end_offset = fetch_offset
        self.last_fetch_ms = now_ms
        self.last_leader_end_offset = leader_end_offset

    def leader_appended(self, former_end_offset: int, now_ms: int) -> None:
        """The leader's log grew from `former_end_offset`: who had everything until now was caught up until now."""
        if self.end_offset >= former_end_offset:
            self.caught_up_ms = now_ms

    def is_caught_up(self, leader_end_offset: int, now_ms: int, lag_time_max_ms: int) -> bool:
        return self.end_offset >= leader_end_offset or now_ms - self.caught_up_ms <= lag_time_max_ms


def maximal_isr(isr: Iterable[int], proposed: Iterable[int] | None) -> frozenset[int]:
    return frozenset(isr) if proposed is None else frozenset(isr) | frozenset(proposed)


def committed_end(durable_end_offset: int, counted: Iterable[FollowerProgress]) -> int:
    """What the leader (durably, up to `durable_end_offset`) and every counted follower have."""
    end_offset = durable_end_offset
    for follower in counted:
        if follower.end_offset < end_offset:
            end_offset = follower.end_offset
    return end_offset


def effective_min_isr(min_insync_replicas: int, replica_count: int) -> int:
    """A partition with fewer replicas than `min.insync.replicas` is as safe as it can be with all of them."""
    return min(min_insync_replicas, replica_count)


def may_join(follower: FollowerProgress, *, high_watermark: int, epoch_start_offset: int, is_eligible: bool) -> bool:
    """Whether a replica outside is in sync: it has all that is committed, and all from before this leader (KIP-497)."""
    return is_eligible and follower.end_offset >= high_watermark and follower.end_offset >= epoch_start_offset


def lagging(
    isr: Collection[int],
    followers: Mapping[int, FollowerProgress],
    *,
    leader_id: int,
    leader_end_offset: int,
    now_ms: int,
    lag_time_max_ms: int,
) -> frozenset[int]:
    """Who in `isr` has been behind for longer than `replica.lag.time.max.ms`."""
    return frozenset(
        node_id
        for node_id in isr
        if node_id != leader_id and not followers[node_id].is_caught_up(leader_end_offset, now_ms, lag_time_max_ms)
    )
