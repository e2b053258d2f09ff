"""The leader's part of a partition: who waits for what, how far each follower is, and the high watermark."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from broker.log import PartitionLog
from broker.metadata import PartitionImage
from broker.partition import isr as rules
from broker.partition.isr import UNKNOWN_BROKER_EPOCH, FollowerProgress
from broker.partition.offset_waiters import OffsetWaiters, Waiter
from protocol.errors import ErrorCode, KafkaError


class LeaderHost(Protocol):
    """What a leader asks of its node."""

    @property
    def node_id(self) -> int: ...

    @property
    def lag_time_max_ms(self) -> int: ...

    def is_eligible(self, node_id: int, broker_epoch: int) -> bool:
        """Whether this incarnation of a broker may be in sync: registered, not fenced, not shutting down."""
        ...


@dataclass(frozen=True, slots=True)
class Proposal:
    """An isr that the controller was asked for, and the partition epoch at which it was asked.

    `broker_epochs`, one for each: of the incarnations that this leader saw in sync (KIP-903); -1 for the leader itself
    and for who has not fetched from it."""

    isr: tuple[int, ...]
    broker_epochs: tuple[int, ...]
    partition_epoch: int


class Promise:
    """That what a leader appends will be durable here and, if it leads alone, committed.

    Taken with an append and looked at when that is durable: it is `intact` unless something came in between, `after`
    which another one holds. That may be an error for all who wait, or another in-sync set: then the high watermark has
    to be asked."""

    __slots__ = ("_error", "after", "intact", "role")

    def __init__(self, role: LeaderRole | None) -> None:
        self.role = role
        self.intact = True
        self.after: Promise | None = None
        self._error = ErrorCode.NONE

    def end(self, error: ErrorCode, after: Promise) -> None:
        self.intact, self._error, self.after = False, error, after

    @property
    def error(self) -> ErrorCode:
        """Why it will not be as promised, as far as is known now."""
        promise: Promise | None = self
        while promise is not None:
            if promise._error is not ErrorCode.NONE:
                return promise._error
            promise = promise.after
        return ErrorCode.NONE


class LeaderRole:
    """One run of leadership; its leader epoch rises when the controller elects the same replica again.

    `durable.progress` is the end of what this replica has made durable; `committed.progress` is the high watermark:
    the minimum over the maximal in-sync set, which never goes back.
    """

    def __init__(
        self,
        log: PartitionLog,
        assigned: PartitionImage,
        host: LeaderHost,
        *,
        durable_end_offset: int,
        high_watermark: int,
        now_ms: int,
    ) -> None:
        self._log = log
        self._host = host
        self.durable = OffsetWaiters(durable_end_offset)
        self.committed = OffsetWaiters(high_watermark)
        self.followers: dict[int, FollowerProgress] = {}
        self.promise = Promise(self)
        self.proposal: Proposal | None = None
        self.replicas: tuple[int, ...] = ()
        self.isr: tuple[int, ...] = ()
        self.under_min_isr = False
        self.leader_epoch = -1
        self.partition_epoch = -1
        self.epoch_start_offset = log.log_end_offset
        # Those the high watermark waits for: the maximal isr, and who is about to join.
        self._counted: list[FollowerProgress] = []
        self._joining: frozenset[int] = frozenset()
        self.adopt(assigned, now_ms)

    # --- what the metadata says --------------------------------------------------------------------------------

    def adopt(self, assigned: PartitionImage, now_ms: int) -> None:
        """Take over the metadata's newer word on this partition. It is passed over if it is not newer."""
        if assigned.leader_epoch > self.leader_epoch:
            self.leader_epoch = assigned.leader_epoch
            self.epoch_start_offset = self._log.log_end_offset
            self._log.leader_epochs.assign(assigned.leader_epoch, self._log.log_end_offset)
        if assigned.partition_epoch <= self.partition_epoch:
            return
        self.partition_epoch = assigned.partition_epoch
        self.replicas, self.isr = assigned.replicas, assigned.isr
        if self.proposal is not None and self.proposal.partition_epoch < assigned.partition_epoch:
            self.proposal = None
        long_ago_ms = now_ms - self._host.lag_time_max_ms - 1
        self.followers = {
            node_id: self.followers.get(node_id)
            or FollowerProgress(caught_up_ms=now_ms if node_id in assigned.isr else long_ago_ms)
            for node_id in assigned.replicas
            if node_id != self._host.node_id
        }
        self._joining &= frozenset(self.followers)
        self.isr_or_config_changed()

    def isr_or_config_changed(self) -> None:
        """Count anew who holds the high watermark back. Whoever calls this looks whether it may move."""
        self._end_promise(ErrorCode.NONE)
        maximal = self.maximal_isr
        self._joining -= maximal
        self._counted = [
            follower for node_id, follower in self.followers.items() if node_id in maximal or node_id in self._joining
        ]
        minimum = rules.effective_min_isr(self._log.config.min_insync_replicas, len(self.replicas))
        self.under_min_isr = len(self.isr) < minimum
        if self.under_min_isr:
            self.committed.fail(ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND)

    def _end_promise(self, error: ErrorCode) -> None:
        former, self.promise = self.promise, Promise(self)
        former.end(error, self.promise)

    @property
    def maximal_isr(self) -> frozenset[int]:
        return rules.maximal_isr(self.isr, None if self.proposal is None else self.proposal.isr)

    # --- progress ----------------------------------------------------------------------------------------------

    def became_durable(self, end_offset: int) -> bool:
        """The group commit passed `end_offset`. True if the high watermark moved."""
        self.durable.advance(end_offset)
        return self.advance_high_watermark()

    def advance_high_watermark(self) -> bool:
        if self.under_min_isr:
            return False
        return self.committed.advance(rules.committed_end(self.durable.progress, self._counted))

    def when_all_is_committed(self, waiter: Waiter, deadline_ms: int) -> None:
        """Run `waiter` when the high watermark reaches where the log ends now, or will not (monotonic deadline)."""
        if self.under_min_isr:
            waiter(ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND)
        else:
            self.committed.wait_for(self._log.written_end_offset, waiter, deadline_ms)

    def wrote(self, former_end_offset: int, now_ms: int) -> None:
        for follower in self.followers.values():
            follower.leader_appended(former_end_offset, now_ms)

    def fetched(
        self, node_id: int, fetch_offset: int, log_start_offset: int, *, broker_epoch: int, now_ms: int
    ) -> bool:
        """A follower has everything below `fetch_offset`. True if the high watermark moved.

        Raises KafkaError where it is no replica, as far as this leader knows: its metadata may be newer than ours."""
        follower = self.followers.get(node_id)
        if follower is None:
            raise KafkaError(ErrorCode.UNKNOWN_LEADER_EPOCH, f"broker {node_id} is not known here as a replica")
        follower.broker_epoch = broker_epoch
        follower.log_start_offset = log_start_offset
        follower.fetched(fetch_offset, self._log.written_end_offset, now_ms)
        if node_id not in self.isr and node_id not in self._joining:
            self._wait_for_joining(node_id, follower, now_ms)
        return self.advance_high_watermark()

    def _wait_for_joining(self, node_id: int, follower: FollowerProgress, now_ms: int) -> None:
        end_offset = self._log.written_end_offset
        if self._is_eligible(node_id) and follower.is_caught_up(end_offset, now_ms, self._host.lag_time_max_ms):
            self._joining |= {node_id}
            self.isr_or_config_changed()

    # --- who is in sync ----------------------------------------------------------------------------------------

    def propose(self, now_ms: int) -> Proposal | None:
        """The in-sync set that should be, if it is another than it is and none was proposed yet."""
        if self.proposal is not None:
            return None
        kept = set(self.isr) - self.lagging(now_ms)
        wanted = tuple(node_id for node_id in self.replicas if node_id in kept or self._may_join(node_id))
        if set(wanted) == set(self.isr):
            return None
        epochs = tuple(self._known_epoch(node_id) for node_id in wanted)
        self.proposal = Proposal(wanted, epochs, self.partition_epoch)
        self.isr_or_config_changed()
        return self.proposal

    def lagging(self, now_ms: int) -> frozenset[int]:
        return rules.lagging(
            [node_id for node_id in self.isr if node_id in self.followers],
            self.followers,
            leader_id=self._host.node_id,
            leader_end_offset=self._log.written_end_offset,
            now_ms=now_ms,
            lag_time_max_ms=self._host.lag_time_max_ms,
        )

    def resume(self, proposal: Proposal | None) -> bool:
        """The role before this one, in this epoch, proposed it, and the controller may still make it so: whom it names
        counts. False where the metadata is past it."""
        if proposal is None or proposal.partition_epoch != self.partition_epoch:
            return False
        self.proposal = proposal
        self.isr_or_config_changed()
        return True

    def refused(self, proposal: Proposal) -> None:
        """The controller will never make it so."""
        if self.proposal == proposal:
            self.proposal = None
            self.isr_or_config_changed()

    def look_at_joining(self, now_ms: int) -> None:
        """Whoever was about to join and fell back does not hold the high watermark any longer."""
        end_offset, lag_time_max_ms = self._log.written_end_offset, self._host.lag_time_max_ms
        keeping_up = {
            node_id
            for node_id in self._joining
            if self._is_eligible(node_id) and self.followers[node_id].is_caught_up(end_offset, now_ms, lag_time_max_ms)
        }
        if len(keeping_up) < len(self._joining):
            self._joining = frozenset(keeping_up)
            self.isr_or_config_changed()

    def _may_join(self, node_id: int) -> bool:
        follower = self.followers.get(node_id)
        return (
            follower is not None
            and node_id not in self.isr
            and rules.may_join(
                follower,
                high_watermark=self.committed.progress,
                epoch_start_offset=self.epoch_start_offset,
                is_eligible=self._is_eligible(node_id),
            )
        )

    def _known_epoch(self, node_id: int) -> int:
        follower = self.followers.get(node_id)
        return UNKNOWN_BROKER_EPOCH if follower is None else follower.broker_epoch

    def _is_eligible(self, node_id: int) -> bool:
        return self._host.is_eligible(node_id, self.followers[node_id].broker_epoch)

    # --- the end -----------------------------------------------------------------------------------------------

    def fail_waiters(self, error: ErrorCode) -> None:
        """Nothing that still waits will be promised by this term: it is over, or the disk refused."""
        self._end_promise(error)
        self.durable.fail(error)
        self.committed.fail(error)

    def least_log_start(self, alive: Iterable[int]) -> int:
        """Where the logs of the leader and of the `alive` followers all have begun: what was deleted everywhere."""
        starts = [follower.log_start_offset for node_id, follower in self.followers.items() if node_id in alive]
        return min([self._log.log_start_offset, *starts])
