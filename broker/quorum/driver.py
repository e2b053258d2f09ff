"""The metadata log of a cluster: the Raft core with this node's disk, network and clock, behind the seam `Quorum`.

    propose -> the core's log -> (disk here | messages to the others) -> committed -> applied to the image -> the future

A leader counts as the controller once it applied an entry of its own term: then its image holds all that was ever
committed. Elections do not wait for timeouts where the network says more (see `transport` and `campaigns`). Pre-votes
keep that harmless: who hears from a leader does not vote.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence

from broker.metadata import MetadataPublisher, MetadataRecord, encode_records
from broker.quorum.applied import AppliedLog
from broker.quorum.campaigns import Campaigns
from broker.quorum.log_storage import open_log
from broker.quorum.outcomes import Outcomes, copy_of, failure_of, refusal
from broker.quorum.peers import Peers
from broker.quorum.quorum import QuorumSettings
from broker.quorum.ready_loop import ReadyLoop
from broker.quorum.snapshot_taker import SnapshotTaker
from broker.quorum.snapshots import Snapshot
from broker.quorum.transport import Transport
from broker.quorum.watch import LeadershipWatch
from protocol.errors import ErrorCode, KafkaError
from raft import (
    NO_NODE,
    Change,
    Configuration,
    Entry,
    Message,
    RaftNode,
    Ready,
    Refusal,
    Refused,
    Role,
    SoftState,
    Status,
)
from wal import Filesystem, StorageError

logger = logging.getLogger(__name__)

STOP_TIMEOUT_S = 1.0


class RaftQuorum:
    """Implements `Quorum`. `on_failure` is told, once, why this node takes no part any more."""

    def __init__(
        self,
        filesystem: Filesystem,
        directory: str,
        *,
        node_id: int,
        settings: QuorumSettings | None = None,
        transport: Transport | None = None,
        on_failure: Callable[[Exception], None] = lambda reason: None,
        random_source: random.Random | None = None,
    ) -> None:
        self._filesystem = filesystem
        self._directory = directory
        self._node_id = node_id
        self._settings = settings or QuorumSettings(Configuration.of(node_id))
        self._peers = Peers(node_id, transport)
        self._on_failure = on_failure
        self._random = random_source or random.Random()
        self.watch = LeadershipWatch()
        self._soft = SoftState(Role.FOLLOWER, NO_NODE, 0, self._settings.bootstrap)
        self._active_term = -1
        self._applied = AppliedLog(MetadataPublisher())
        self._outcomes = Outcomes()
        self._campaigns = Campaigns(
            may_win=self._may_win,
            campaign=self._campaign,
            longest_s=self._settings.election_timeout_ms / 1000,
            random_source=self._random,
        )
        self._ticker: asyncio.TimerHandle | None = None
        self._failure: KafkaError | None = None
        self._reason: BaseException | None = None
        self._is_running = False
        self._stopping = False

    # --- who leads -----------------------------------------------------------------------------------------------

    @property
    def is_leader(self) -> bool:
        return (
            self._is_running
            and not self._stopping
            and self._failure is None
            and self._active_term == self._soft.term
            and self._node.is_leader
        )

    @property
    def leader_id(self) -> int | None:
        leader = self._soft.leader
        if leader == self._node_id:
            return leader if self.is_leader else None
        return None if leader == NO_NODE or not self._is_running else leader

    @property
    def term(self) -> int:
        return self._soft.term

    @property
    def applied_index(self) -> int:
        return self._applied.index

    @property
    def configuration(self) -> Configuration:
        return self._soft.configuration

    def status(self) -> Status:
        return self._node.status()

    async def leader_changed(self) -> None:
        await self.watch.changed()

    async def transfer_leadership(self) -> None:
        """Hand over to the voter that has most of the log, if there is one; returns when that was tried."""
        target = self._peers.successor(self._node.status()) if self.is_leader else None
        if target is not None:
            self._node.transfer_leadership(target)
            self._readies.turn_soon()
            await self.watch.changed_or_lost(target, STOP_TIMEOUT_S)

    # --- start and stop ------------------------------------------------------------------------------------------

    async def start(self, publisher: MetadataPublisher) -> None:
        self._applied = AppliedLog(publisher)
        self._storage = open_log(self._filesystem, self._directory, self._settings)
        self.began_empty = self._storage.began_empty
        try:
            self._begin()
        except BaseException:
            self._storage.close()
            raise
        if self._peers.is_alone():
            # Nobody else to ask: the log is ours, and all of it is applied when this returns.
            self._node.campaign()
            self._readies.turn_soon()
            await self._led()

    def _begin(self) -> None:
        loop = asyncio.get_running_loop()
        settings = self._settings
        self._node = RaftNode(settings.raft_config(self._node_id), self._storage, jitter=self._random.randrange)
        self._readies = ReadyLoop(
            self._node,
            self._storage,
            loop=loop,
            send=self._peers.send,
            carry_out=self._carry_out,
            on_failure=self._fail,
        )
        self._snapshots = SnapshotTaker(
            self._node,
            self._storage,
            self._readies,
            interval_bytes=settings.snapshot_interval_bytes,
            state=lambda: (self._applied.image, self._applied.index),
            on_failure=self._fail,
        )
        if self._storage.newest is not None:
            self._applied.load(self._storage.newest)
        self._soft = SoftState(Role.FOLLOWER, NO_NODE, 0, self._node.status().configuration)
        self._is_running = True
        self._peers.follow(self._soft.configuration)
        self._ticker = loop.call_later(settings.tick_ms / 1000, self._tick)
        self._readies.turn_soon()

    async def _led(self) -> None:
        while not self.is_leader:
            if self._reason is not None:
                reason = self._reason
                await self._shut_down()
                raise reason
            await self.watch.changed()

    async def stop(self) -> None:
        if not self._is_running:
            return
        pending = self._outcomes.pending_proposals()
        self._stopping = True
        self.watch.notify(self)
        if pending and (self._peers.is_alone() or self._peers.reach_majority()):
            await asyncio.wait(pending, timeout=STOP_TIMEOUT_S)
        await self._shut_down()
        if self._reason is not None and not isinstance(self._reason, Exception):
            raise self._reason

    async def _shut_down(self) -> None:
        self._is_running = False
        self._campaigns.stop()
        if self._ticker is not None:
            self._ticker.cancel()
        await self._readies.stop()
        await self._snapshots.stop()
        await self._peers.stop()
        self._refuse(self._failure or KafkaError(ErrorCode.NOT_CONTROLLER, "the metadata log of this node has stopped"))
        self._storage.close()

    # --- proposals and reads -------------------------------------------------------------------------------------

    def propose(self, records: Sequence[MetadataRecord]) -> asyncio.Future[None]:
        assert records, "an entry says something"
        return self._submit(lambda: self._node.propose(encode_records(records)))

    def change_members(self, changes: Sequence[Change]) -> asyncio.Future[None]:
        """Propose another configuration of the quorum; refused (KafkaError INVALID_REQUEST) where it makes none."""
        return self._submit(lambda: self._node.propose_configuration_change(changes))

    def require_leader(self) -> None:
        if self._failure is not None:
            raise copy_of(self._failure)
        if not self.is_leader:
            raise KafkaError(ErrorCode.NOT_CONTROLLER, "this node does not lead the metadata log")

    def _submit(self, propose: Callable[[], int]) -> asyncio.Future[None]:
        self.require_leader()
        try:
            proposal_id = propose()
        except Refused as refused:
            raise refusal(refused) from None
        self._readies.turn_soon()
        return self._outcomes.expect_proposal(proposal_id)

    async def barrier(self) -> None:
        """Return when everything that was committed before this call, on any node, is applied here.

        Raises KafkaError NOT_CONTROLLER where no leader could vouch for that.
        """
        try:
            if not self._is_running:
                raise Refused(Refusal.NOT_LEADER, NO_NODE)
            read_id = self._node.read_index()
        except Refused as refused:
            raise refusal(refused) from None
        self._readies.turn_soon()
        index = await self._outcomes.expect_read(read_id)
        if index is None:
            raise KafkaError(ErrorCode.NOT_CONTROLLER, "no leader of the metadata log answered")
        await self.wait_applied(index)

    async def wait_applied(self, index: int) -> None:
        """Return when the entry at `index` is applied here."""
        await self._applied.wait(index)

    # --- what comes in -------------------------------------------------------------------------------------------

    def step(self, message: Message) -> None:
        """A message of another node arrived."""
        if self._is_running and not self._readies.has_ended:
            self._node.step(message)
            self._readies.turn_soon()

    def peer_connected(self, node_id: int) -> None:
        self._campaigns.soon()
        self.watch.peer_connected(node_id)

    def peer_lost(self, node_id: int) -> None:
        """Its process is gone, or nothing reaches it."""
        if not self._is_running:
            return
        if node_id == self._soft.leader:
            logger.info("node %d, which leads the metadata log, is gone", node_id)
            self._node.forget_leader()
            self._readies.turn_soon()
        self.watch.peer_lost(node_id)

    def peer_unreachable(self, node_id: int) -> None:
        if self._is_running:
            self._node.report_unreachable(node_id)

    def _tick(self) -> None:
        self._ticker = asyncio.get_running_loop().call_later(self._settings.tick_ms / 1000, self._tick)
        self._node.tick()
        self._readies.turn_soon()

    def _may_win(self) -> bool:
        return self._is_running and self._soft.leader == NO_NODE and self._peers.reach_majority()

    def _campaign(self) -> None:
        self._node.campaign()
        self._readies.turn_soon()

    # --- carrying out --------------------------------------------------------------------------------------------

    def _carry_out(self, ready: Ready, snapshot: Snapshot | None) -> None:
        if ready.soft_state is not None:
            self._role_changed(ready.soft_state)
        if snapshot is not None:
            self._applied.load(snapshot)
            self._snapshots.restored()
        if ready.committed_entries:
            self._apply(ready.committed_entries)
        for settled in ready.settled:
            self._outcomes.settle(settled)
        for read_state in ready.read_states:
            self._outcomes.read(read_state)

    def _role_changed(self, soft: SoftState) -> None:
        before, self._soft = self._soft, soft
        if soft.configuration is not before.configuration:
            self._peers.follow(soft.configuration)
        if soft.leader != before.leader and soft.leader != NO_NODE:
            logger.info("node %d leads the metadata log in term %d", soft.leader, soft.term)
        if soft.leader != NO_NODE:
            self._campaigns.there_is_a_leader()
        else:
            self._campaigns.soon()
        self.watch.notify(self)

    def _apply(self, entries: Sequence[Entry]) -> None:
        size_bytes = self._applied.apply(entries)
        if entries[-1].term == self._soft.term and self._node.is_leader and self._active_term != self._soft.term:
            self._active_term = self._soft.term
            self.watch.notify(self)
        self._snapshots.applied(size_bytes)

    # --- failure -------------------------------------------------------------------------------------------------

    def _fail(self, error: BaseException) -> None:
        if self._reason is not None:
            if not isinstance(error, Exception):
                self._reason = error
            return
        self._reason = error
        failure = failure_of(error)
        # What a disk does is told in its sentence; what we did wrong is found by where it was.
        trace = None if isinstance(error, StorageError) else error
        logger.error("%s: this node takes no part any more: %s", self._directory, error, exc_info=trace)
        self._readies.has_ended = True
        self._refuse(failure)
        self.watch.notify(self)
        self.watch.wake()
        if isinstance(error, Exception):
            self._on_failure(error)

    def _refuse(self, failure: KafkaError) -> None:
        self._failure = failure
        self._outcomes.fail_all(failure)
        self._applied.fail(failure)
