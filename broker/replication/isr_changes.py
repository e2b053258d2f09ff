"""Leaders' changes of their in-sync sets on their way to the controller: gathered while one request is under way.

A proposal stays proposed until something definite is known of it: the controller's answer, or newer metadata of the
partition. Until then the leader counts with both, the set that is and the one that may be.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

from broker.cluster import IsrChange, IsrChangeResult
from broker.metadata import PartitionImage
from broker.partition import Partition, Proposal
from protocol.errors import ErrorCode, KafkaError

logger = logging.getLogger(__name__)

RETRY_S = 0.1

# The controller has not made it so, and will not.
_REFUSED = frozenset({ErrorCode.INELIGIBLE_REPLICA, ErrorCode.INVALID_REQUEST, ErrorCode.OPERATION_NOT_ATTEMPTED})
# The partition has changed, or is gone; its newer metadata is on its way here.
_OUTDATED = frozenset(
    {
        ErrorCode.INVALID_UPDATE_VERSION,
        ErrorCode.FENCED_LEADER_EPOCH,
        ErrorCode.NEW_LEADER_ELECTED,
        ErrorCode.NOT_LEADER_OR_FOLLOWER,
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode.UNKNOWN_TOPIC_ID,
    }
)


class Controller(Protocol):
    """The way to it; `ControllerChannel` is one."""

    async def alter_partition(self, changes: Sequence[IsrChange]) -> list[IsrChangeResult]:
        """One result per change, in order. Raises KafkaError where there is no answer for any of them."""
        ...


class IsrChanges:
    def __init__(self, channel: Controller, *, loop: asyncio.AbstractEventLoop) -> None:
        self._channel = channel
        self._loop = loop
        self._wanted: dict[Partition, None] = {}
        self._sending: asyncio.Task[None] | None = None

    def add(self, partition: Partition) -> None:
        """`partition` has a proposal."""
        self._wanted[partition] = None
        if self._sending is None:
            self._sending = self._loop.create_task(self._send(), name="isr-changes")

    async def stop(self) -> None:
        self._wanted.clear()
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)

    async def _send(self) -> None:
        try:
            while self._wanted:
                await asyncio.sleep(0)  # what else this turn of the loop proposes goes along
                wanted, self._wanted = list(self._wanted), {}
                proposals = [
                    (partition, role.proposal)
                    for partition in wanted
                    if (role := partition.leading) is not None and role.proposal is not None
                ]
                await self._propose(proposals)
        finally:
            self._sending = None

    async def _propose(self, proposals: list[tuple[Partition, Proposal]]) -> None:
        changes = [
            IsrChange(
                partition.topic_id,
                partition.index,
                partition.leader_epoch,
                proposal.partition_epoch,
                tuple(zip(proposal.isr, proposal.broker_epochs, strict=True)),
            )
            for partition, proposal in proposals
        ]
        if not changes:
            return
        try:
            results = await self._channel.alter_partition(changes)
        except KafkaError as error:
            logger.info("%d changes of in-sync replicas wait for a controller: %s", len(changes), error)
            for partition, _ in proposals:
                self._later(partition)
            return
        for (partition, proposal), change, result in zip(proposals, changes, results, strict=True):
            self._answered(partition, proposal, change, result)

    def _answered(self, partition: Partition, proposal: Proposal, change: IsrChange, result: IsrChangeResult) -> None:
        role = partition.leading
        if role is None or role.proposal != proposal or role.leader_epoch != change.leader_epoch:
            return
        if result.error is ErrorCode.NONE:
            logger.info("%s: in sync are now %s", partition, list(result.isr))
            now = PartitionImage(
                partition=partition.index,
                replicas=role.replicas,
                isr=result.isr,
                leader=result.leader,
                leader_epoch=result.leader_epoch,
                partition_epoch=result.partition_epoch,
            )
            partition.isr_change_answered(proposal, now)
        elif result.error in _REFUSED:
            logger.info("%s: the controller refuses %s as in sync: %s", partition, proposal.isr, result.error.name)
            partition.isr_change_answered(proposal, None)
        elif result.error not in _OUTDATED:
            self._later(partition)

    def _later(self, partition: Partition) -> None:
        self._loop.call_later(RETRY_S, self.add, partition)
