"""The active controller's care for brokers: registrations, heartbeats, fencing, leaders for what they led.

What is replicated is decided by the rules in `broker_registry`, `leadership` and `isr_changes`; here is what only the
active controller has: sessions, the signal that a node's process is gone, and the timers that look after both.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from broker.clock import Clock
from broker.config import BrokerConfig
from broker.controller.broker_registry import (
    Heartbeat,
    HeartbeatDecision,
    Registration,
    decide_fence,
    decide_heartbeat,
    decide_registration,
    decide_unregistration,
    lost_directory,
    registered,
)
from broker.controller.elections import Place, all_places, decide_elections
from broker.controller.isr_changes import IsrAnswer, IsrWish, decide_isr_changes
from broker.controller.leadership import decide_preferred_leaders
from broker.controller.proposals import Proposals
from broker.controller.reassignment import ReassignmentWish, decide_reassignments
from broker.controller.sessions import BrokerSessions
from broker.metadata import MetadataImage, MetadataRecord, PartitionChangeRecord
from broker.quorum import LeadershipWatch, uuid_text
from protocol.errors import ErrorCode, KafkaError

logger = logging.getLogger(__name__)

SESSION_CHECKS_PER_TIMEOUT = 20


class BrokerManager:
    """Its methods raise KafkaError NOT_CONTROLLER where this node is not the active controller."""

    def __init__(
        self,
        *,
        proposals: Proposals,
        watch: LeadershipWatch,
        config: Callable[[], BrokerConfig],
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
        node_id: int,
        incarnation_id: bytes,
    ) -> None:
        """`node_id` and `incarnation_id` are those of this process."""
        self._proposals = proposals
        self._node_id = node_id
        self._incarnation_id = incarnation_id
        self._watch = watch
        self._config = config
        self._clock = clock
        self._loop = loop
        self._sessions = BrokerSessions()
        self._is_active = False
        self._checked_ms = 0
        self._check: asyncio.TimerHandle | None = None
        self._balancing: asyncio.TimerHandle | None = None
        watch.on_active(self._active_changed)
        watch.on_lost(self._node_lost)

    def close(self) -> None:
        self._active_changed(False)

    # --- what brokers ask ----------------------------------------------------------------------------------------

    async def register(self, registration: Registration, *, cluster_id: str) -> int:
        """The broker epoch. KafkaError INCONSISTENT_CLUSTER_ID, DUPLICATE_BROKER_REGISTRATION."""
        image = self._proposals.image
        if cluster_id and cluster_id != image.cluster_id:
            raise KafkaError(ErrorCode.INCONSISTENT_CLUSTER_ID, f"this is cluster {image.cluster_id}, not {cluster_id}")
        now_ms, node_id = self._clock.monotonic_ms(), registration.node_id
        lost = lost_directory(image.brokers.get(node_id), registration.directory_id)
        records, epoch = decide_registration(
            image,
            registration,
            may_be_unclean=self._may_be_unclean(image),
            has_valid_session=self._sessions.is_valid(node_id, now_ms, self._session_timeout_ms),
        )
        await self._commit(records)
        if lost:
            _tell_lost_directory(node_id, lost, records)
        self._sessions.heard(node_id, self._clock.monotonic_ms())
        return epoch

    async def heartbeat(self, heartbeat: Heartbeat) -> HeartbeatDecision:
        """KafkaError BROKER_ID_NOT_REGISTERED, STALE_BROKER_EPOCH."""
        image = self._proposals.image
        decision = decide_heartbeat(image, heartbeat, may_be_unclean=self._may_be_unclean(image))
        if not self._is_active:
            raise KafkaError(ErrorCode.NOT_CONTROLLER, "this node is not the controller")
        self._sessions.heard(heartbeat.node_id, self._clock.monotonic_ms())
        if decision.records:
            await self._commit(decision.records)
        return decision

    async def alter_isr(self, broker_id: int, broker_epoch: int, wishes: Sequence[IsrWish]) -> list[IsrAnswer]:
        """KafkaError STALE_BROKER_EPOCH, BROKER_ID_NOT_REGISTERED."""
        image = self._proposals.image
        registered(image, broker_id, broker_epoch)
        records, answers = decide_isr_changes(image, broker_id, wishes)
        await self._commit(records)
        return answers

    async def unregister(self, node_id: int) -> None:
        image = self._proposals.image
        await self._commit(decide_unregistration(image, node_id, may_be_unclean=self._may_be_unclean(image)))
        self._sessions.forget(node_id)

    # --- what operators ask ----------------------------------------------------------------------------------------

    async def reassign(self, wishes: Sequence[ReassignmentWish], *, may_change_factor: bool) -> list[KafkaError | None]:
        """One outcome per wish, in order."""
        records, outcomes = decide_reassignments(self._proposals.image, wishes, may_change_factor=may_change_factor)
        await self._commit(records)
        return outcomes

    async def elect_leaders(self, places: Sequence[Place] | None, *, unclean: bool) -> dict[Place, KafkaError | None]:
        """Outcomes by (topic, partition); of all partitions with None, and then only those that needed one."""
        image = self._proposals.image
        asked = all_places(image) if places is None else list(dict.fromkeys(places))
        records, outcomes = decide_elections(image, asked, unclean=unclean)
        await self._commit(records)
        results = dict(zip(asked, outcomes, strict=True))
        if places is not None:
            return results
        return {p: e for p, e in results.items() if e is None or e.code is not ErrorCode.ELECTION_NOT_NEEDED}

    # --- what nobody asks ----------------------------------------------------------------------------------------

    def _active_changed(self, is_active: bool) -> None:
        self._is_active = is_active
        for timer in (self._check, self._balancing):
            if timer is not None:
                timer.cancel()
        self._check = self._balancing = None
        if not is_active:
            return
        image, config = self._proposals.image, self._config()
        self._checked_ms = self._clock.monotonic_ms()
        self._sessions.begin(image.brokers, self._checked_ms)
        own = image.brokers.get(self._node_id)
        if own is not None and own.incarnation_id != self._incarnation_id:
            # The process before this one, which had this directory: its end is why this one could begin.
            self._sessions.forget(self._node_id)
        if self._watch.deposed is not None:
            # A majority has not heard of the leader before this one for as long as an election takes.
            self._sessions.credit_less(self._watch.deposed, config.controller_quorum_election_timeout_ms)
        for node_id in self._watch.lost:
            self._fence(node_id, "its process is gone")
        self._check_sessions()
        self._schedule_balancing()

    def _node_lost(self, node_id: int) -> None:
        if self._is_active:
            self._fence(node_id, "its process is gone")

    def _check_sessions(self) -> None:
        timeout_ms = self._session_timeout_ms
        period_ms = timeout_ms / SESSION_CHECKS_PER_TIMEOUT
        self._check = self._loop.call_later(period_ms / 1000, self._check_sessions)
        now_ms = self._clock.monotonic_ms()
        late_ms = now_ms - self._checked_ms - period_ms
        self._checked_ms = now_ms
        if late_ms > period_ms:
            # It was this process that did not listen for a while.
            self._sessions.excuse(int(late_ms))
        for node_id in self._sessions.expired(now_ms, timeout_ms):
            self._sessions.forget(node_id)
            self._fence(node_id, f"nothing was heard of it for {timeout_ms} ms (broker.session.timeout.ms)")

    def _fence(self, node_id: int, reason: str) -> None:
        image = self._proposals.image
        self._propose(decide_fence(image, node_id, may_be_unclean=self._may_be_unclean(image)), node_id, reason)

    def _propose(self, records: list[MetadataRecord], node_id: int, reason: str) -> None:
        if not records:
            return
        broker = self._proposals.image.brokers[node_id]
        log = logger.info if broker.in_controlled_shutdown else logger.warning
        log("fencing broker %d: %s", node_id, reason)
        try:
            self._proposals.submit_all(records).add_done_callback(_look_at)
        except KafkaError as error:
            logger.warning("broker %d could not be fenced: %s", node_id, error.message)

    def _schedule_balancing(self) -> None:
        config = self._config()
        if config.auto_leader_rebalance_enable:
            self._balancing = self._loop.call_later(config.leader_imbalance_check_interval_seconds, self._balance)

    def _balance(self) -> None:
        self._schedule_balancing()
        records = decide_preferred_leaders(self._proposals.image)
        if not records:
            return
        logger.info("%d partitions go back to their preferred leaders", len(records))
        try:
            self._proposals.submit_all(records).add_done_callback(_look_at)
        except KafkaError as error:
            logger.warning("the leaders could not be balanced: %s", error.message)

    # --- helpers -------------------------------------------------------------------------------------------------

    @property
    def _session_timeout_ms(self) -> int:
        return self._config().broker_session_timeout_ms

    def _may_be_unclean(self, image: MetadataImage) -> Callable[[str], bool]:
        default = self._config().unclean_leader_election_enable

        def may(topic: str) -> bool:
            configured = image.topic_configs(topic).get("unclean.leader.election.enable")
            return default if configured is None else configured == "true"

        return may

    async def _commit(self, records: Sequence[MetadataRecord]) -> None:
        await asyncio.shield(self._proposals.submit_all(records))


def _tell_lost_directory(node_id: int, directory_id: bytes, records: Sequence[MetadataRecord]) -> None:
    without = sum(isinstance(each, PartitionChangeRecord) and each.last_directory is not None for each in records)
    logger.warning(
        "broker %d came back with another data directory than %s: what it had is refilled from other replicas; "
        "%d partitions of which nobody else is in sync have no leader until that directory is back, or an unclean "
        "election gives up what only it holds",
        node_id,
        uuid_text(directory_id),
        without,
    )


def _look_at(future: asyncio.Future[None]) -> None:
    """A change that nobody waits for: where it failed, the next controller will see the same need."""
    if not future.cancelled() and future.exception() is not None:
        logger.info("a change to brokers or leaders was not committed: %s", future.exception())
