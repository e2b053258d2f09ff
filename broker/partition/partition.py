"""The door to a partition: all that handlers, coordinators and fetchers may ask of one.

A partition has a log and, while it takes part, one role: `LeaderRole` where this node leads it, `FollowerRole` where it
follows another, none while there is no leader. Everything here runs on the loop's thread.
"""

from __future__ import annotations

import asyncio
import logging

from broker.log import NOT_PLAIN, AppendOrigin, AppendResult, PartitionLog, journal_entries
from broker.metadata import PartitionImage, is_internal
from broker.partition.cuts import LogCut
from broker.partition.follower import FollowerRole
from broker.partition.host import ALL_REPLICAS, PartitionHost
from broker.partition.leader import LeaderRole, Proposal
from broker.partition.log_starts import LogStarts
from broker.partition.offset_waiters import NO_DEADLINE, Waiter
from broker.partition.readable import ReadableReplica
from protocol.errors import ErrorCode, KafkaError
from wal import StorageError

logger = logging.getLogger(__name__)


class Partition(ReadableReplica):
    def __init__(self, log: PartitionLog, host: PartitionHost, *, high_watermark: int | None = None) -> None:
        """`high_watermark` as it was checkpointed, where it was."""
        super().__init__(log, host, log.log_start_offset if high_watermark is None else high_watermark)
        # What recovery found is durable; from there on the journal says so.
        self.durable_end_offset = log.log_end_offset
        self.log_starts = LogStarts(self, host)
        self._is_internal = is_internal(log.topic)
        self._write_scheduled = False
        # Where the last write ended: with the next one it says how many records that holds.
        self._end_handed_over = log.log_end_offset
        # Counts truncations: the journal's word on an entry from before one says nothing about the log as it is.
        self._history = 0
        self._is_being_cut = False
        self._failure: str = ""
        # The epoch that was led here last, and what its leader had asked of the controller and got no answer to.
        self._left_open: tuple[int, Proposal | None] = (-1, None)
        # Why the disk refused the last write; told in the log when it changes, not once a request.
        self._refusal = ""

    # --- roles -------------------------------------------------------------------------------------------------

    def lead(self, assigned: PartitionImage) -> None:
        """Become the leader, or take over what the metadata newly says of one that leads already."""
        now_ms = self._host.clock.monotonic_ms()
        role = self.leading
        if role is not None:
            role.adopt(assigned, now_ms)
        else:
            self.resign(ErrorCode.NOT_LEADER_OR_FOLLOWER)
            role = self.leading = LeaderRole(
                self.log,
                assigned,
                self._host,
                durable_end_offset=self.durable_end_offset,
                high_watermark=self._high_watermark,
                now_ms=now_ms,
            )
            former_epoch, proposal = self._left_open
            if former_epoch == role.leader_epoch and role.resume(proposal):
                self._host.isr_change_wanted(self)
        self.look_at_high_watermark()

    def follow(self, leader_id: int, leader_epoch: int) -> None:
        """Become a follower; what its log has beyond the leader's history goes when the leader says where it ends."""
        role = self._follower_role
        if role is not None and (role.leader_id, role.leader_epoch) == (leader_id, leader_epoch):
            return
        self.resign(ErrorCode.NOT_LEADER_OR_FOLLOWER)
        self._follower_role = FollowerRole(self, leader_id, leader_epoch)

    def resign(self, error: ErrorCode) -> None:
        """The role ends; whoever waits for its promises hears `error`."""
        if self._role is None:
            return
        leader, self.leading, self._follower_role = self.leading, None, None
        if leader is not None:
            self._high_watermark = leader.committed.progress
            self._left_open = (leader.leader_epoch, leader.proposal)
            leader.fail_waiters(error)
            self.log_starts.fail(error, f"this node does not lead {self} any more")
        self._notify_progress()
        for reader in tuple(self._replica_readers):
            reader.role_ended()

    # --- appending as the leader -------------------------------------------------------------------------------

    def append_plain(self, data: bytes, start: int, end: int, now_ms: int, required_acks: int) -> int:
        """`append` of a client's batch for the commonest kind of it, see PartitionLog: its offset; NOT_PLAIN, and
        nothing changed, where `append` is to be asked, be it that it refuses. Hot."""
        role = self.leading
        if role is None or self._is_internal or self._failure or (role.under_min_isr and required_acks == ALL_REPLICAS):
            return NOT_PLAIN
        base_offset = self.log.append_plain(data, start, end, role.leader_epoch, now_ms)
        if base_offset >= 0 and not self._write_scheduled:
            self._write_soon()
        return base_offset

    def append(
        self,
        records: bytes | memoryview,
        *,
        now_ms: int,
        origin: AppendOrigin = AppendOrigin.CLIENT,
        required_acks: int = ALL_REPLICAS,
    ) -> AppendResult:
        """Validate, give offsets, and collect for the write at the end of this turn of the loop.

        Nothing is promised yet: `when_durable` and `when_committed` say when. Raises KafkaError.
        """
        role = self._leader()
        if self._is_internal and origin is AppendOrigin.CLIENT:
            raise KafkaError(
                ErrorCode.INVALID_TOPIC_EXCEPTION, f"{self.topic} is internal: clients may not write to it"
            )
        if self._failure:
            raise KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, self._failure)
        if role.under_min_isr and required_acks == ALL_REPLICAS:
            raise KafkaError(
                ErrorCode.NOT_ENOUGH_REPLICAS,
                f"{self} has {len(role.isr)} in-sync replicas, fewer than min.insync.replicas",
            )
        log = self.log
        try:
            result = log.append_as_leader(records, leader_epoch=role.leader_epoch, now_ms=now_ms, origin=origin)
        except StorageError as error:
            self.append_refused()
            raise KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, str(error)) from error
        if not result.is_duplicate:
            self.appended()
        return result

    def appended(self) -> None:
        """The log has collected more for the next `write_out`."""
        if not self._write_scheduled:
            self._write_soon()

    def append_refused(self) -> None:
        """The log refuses until a write has told of it, and this may have been the first append of its turn."""
        if not self.log.failure:
            self._write_soon()

    def _write_soon(self) -> None:
        if not self._write_scheduled:
            self._write_scheduled = True
            self._host.schedule_write(self)

    def write_out(self) -> None:
        """Put what was appended in this turn into the segment and the journal. Called once a turn by the table."""
        self._write_scheduled = False
        log = self.log
        former_end_offset = log.written_end_offset
        try:
            entry = log.write_out_entry()
            if entry:
                end_offset, history = log.written_end_offset, self._history
                self._committed_bytes.written(self._end_handed_over, end_offset, sum(map(len, entry)))
                record_count, self._end_handed_over = max(1, end_offset - self._end_handed_over), end_offset
                self._host.durability.append(
                    journal_entries.APPEND,
                    entry,
                    lambda: self._became_durable(end_offset, history),
                    record_count=record_count,
                )
        except StorageError as error:
            self._write_failed(error)
            return
        if self._refusal:
            self._refusal = ""
            logger.warning("%s takes writes again", self)
        role = self.leading
        if entry and role is not None and role.followers:
            role.wrote(former_end_offset, self._host.clock.monotonic_ms())
            for reader in self._replica_readers:
                reader.log_grew()

    def _became_durable(self, end_offset: int, history: int) -> None:
        if history != self._history:
            return
        self.durable_end_offset = end_offset
        if self.leading is not None:
            if self.leading.became_durable(end_offset):
                self._high_watermark_moved()
        elif self._follower_role is not None:
            self._follower_role.stored()

    def look_at_high_watermark(self) -> None:
        """As the leader, after something that may move it: a follower's fetch, another in-sync set."""
        if self._leader().advance_high_watermark():
            self._high_watermark_moved()

    def config_changed(self) -> None:
        """`min.insync.replicas` may be another."""
        if self.leading is not None:
            self.leading.isr_or_config_changed()
            self.look_at_high_watermark()

    def replica_fetched(self, node_id: int, fetch_offset: int, *, log_start_offset: int, broker_epoch: int) -> None:
        """The replica on `node_id` has everything below `fetch_offset`, durably. Raises KafkaError."""
        role = self._leader()
        now_ms = self._host.clock.monotonic_ms()
        if role.fetched(node_id, fetch_offset, log_start_offset, broker_epoch=broker_epoch, now_ms=now_ms):
            self._high_watermark_moved()
        self.log_starts.look()
        if role.proposal is None and node_id not in role.isr and role.propose(now_ms) is not None:
            self._host.isr_change_wanted(self)

    def isr_change_answered(self, proposal: Proposal, assigned: PartitionImage | None) -> None:
        """What the controller made of a proposal; None where it refused for good."""
        role = self.leading
        if role is None:
            return
        if assigned is None:
            role.refused(proposal)
        elif assigned.leader_epoch == role.leader_epoch:
            role.adopt(assigned, self._host.clock.monotonic_ms())
        self.look_at_high_watermark()

    def look_after(self, now_ms: int) -> None:
        """Now and then: end waits whose time is over, and see who fell behind. `now_ms` is monotonic."""
        role = self.leading
        if role is None:
            return
        role.committed.expire(now_ms)
        self.log_starts.look()
        if not role.followers:
            return
        role.look_at_joining(now_ms)
        self.look_at_high_watermark()
        if role.proposal is None and role.propose(now_ms) is not None:
            self._host.isr_change_wanted(self)

    def tell_replicas(self) -> None:
        """The log's start or the high watermark moved."""
        for reader in self._replica_readers:
            reader.has_news()

    def _high_watermark_moved(self) -> None:
        self._committed_bytes.committed(self.high_watermark)
        self._notify_progress()
        self.tell_replicas()

    def when_durable(self, end_offset: int, waiter: Waiter) -> None:
        """acks=1: run `waiter` when everything below `end_offset` is durable on this node."""
        self._leader().durable.wait_for(end_offset, waiter)

    def when_committed(self, end_offset: int, waiter: Waiter, *, timeout_ms: int | None = None) -> None:
        """acks=all: run `waiter` when the high watermark reaches `end_offset`."""
        role = self._leader()
        deadline_ms = NO_DEADLINE if timeout_ms is None else self._host.clock.monotonic_ms() + timeout_ms
        role.committed.wait_for(end_offset, waiter, deadline_ms)

    async def committed(self, end_offset: int) -> None:
        """Wait for the high watermark. Raises KafkaError if this node stops leading, or its disk fails, before."""
        done: asyncio.Future[ErrorCode] = asyncio.get_running_loop().create_future()

        def resume(error: ErrorCode) -> None:
            if not done.done():
                done.set_result(error)

        self.when_committed(end_offset, resume)
        error = await done
        if error is not ErrorCode.NONE:
            raise KafkaError(error, f"{self} could not commit offset {end_offset}")

    def _write_failed(self, error: StorageError) -> None:
        """The log took back what it could not write. Who waits hears of it; the next append may find the disk well."""
        if str(error) != self._refusal:
            self._refusal = str(error)
            if self.log.failure:
                logger.error("%s refuses writes: %s", self, self.log.failure)
            else:
                logger.error("%s refuses writes until its disk takes one: %s", self, error)
            self._host.write_refused(self, error)
        self._committed_bytes.forget()
        if self.leading is not None:
            self.leading.fail_waiters(ErrorCode.KAFKA_STORAGE_ERROR)
        elif self._follower_role is not None:
            self._follower_role.stored()

    def fail(self, reason: str) -> None:
        """The journal failed: nothing more is acknowledged here in this run; reads go on."""
        self._failure = reason
        self.log_starts.fail(ErrorCode.KAFKA_STORAGE_ERROR, reason)
        if self.leading is not None:
            self.leading.fail_waiters(ErrorCode.KAFKA_STORAGE_ERROR)

    # --- following a leader ------------------------------------------------------------------------------------

    def move_high_watermark(self, offset: int) -> None:
        """As a follower: the leader says that everything below `offset` is committed."""
        if offset > self._high_watermark:
            self._high_watermark = offset
            self._committed_bytes.committed(offset)
            self._notify_progress()

    @property
    def is_being_cut(self) -> bool:
        return self._is_being_cut

    def cut(self, kind: int, payload: bytes, cut: LogCut) -> None:
        """Make the `cut` that `payload` describes once that is durable in the journal: were it known to the segments
        alone, a replay would put the old records behind the new ones. Until then nothing is appended, or led."""
        self._is_being_cut = True
        self._history += 1
        self._host.durability.append_durably(kind, payload, lambda: self._host.make_cut(self, cut))

    def could_not_be_cut(self, error: StorageError) -> None:
        log = self.log
        log.failure = f"{error}; {self} could not be cut, so nothing is appended to it until this node is restarted"
        logger.error("%s", log.failure)

    def log_was_cut(self) -> None:
        log = self.log
        self._committed_bytes.forget()
        self.durable_end_offset = self._end_handed_over = log.log_end_offset
        self._high_watermark = max(min(self._high_watermark, log.log_end_offset), log.log_start_offset)

    def cut_is_durable(self) -> None:
        self._is_being_cut = False
        self._host.was_cut(self)
        if self._follower_role is not None:
            self._follower_role.stored()
