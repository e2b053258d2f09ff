"""The way from this broker to the active controller: over its controller listener, or in this process.

Whoever asks does not know which node that is, nor that it may be changing: a request is repeated until a controller
answered it or the time is up. So a request may be carried out twice, and must not mind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from broker.metadata import MetadataPublisher
from broker.network import Address, PeerConnection, PeerUnreachable
from protocol import Request, Response
from protocol.errors import ErrorCode, KafkaError
from protocol.messages.alter_partition import (
    AlterPartitionRequest,
    AlterPartitionRequestPartitionData,
    AlterPartitionRequestTopicData,
    AlterPartitionResponse,
    BrokerState,
)

R = TypeVar("R", bound=Response)

ALTER_PARTITION_VERSION = 3
ALTER_PARTITION_TIMEOUT_MS = 5_000.0
# Before a node that is believed to lead is asked again: it may not be done with becoming the controller.
RETRY_S = 0.01


class Leadership(Protocol):
    """Who decides, as far as this node knows; `broker.quorum` does."""

    @property
    def leader_id(self) -> int | None: ...

    async def leader_changed(self) -> None:
        """Return when `leader_id` is another than now."""
        ...


# (request, version) -> response: what the controller's listener would do with it.
ServeHere = Callable[[Request, int], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class IsrChange:
    """What a leader wants its in-sync replicas to be; `partition_epoch` is that of the state it changes.

    `isr` has with each the broker epoch of the incarnation that the leader saw in sync (KIP-903), or -1."""

    topic_id: bytes
    partition: int
    leader_epoch: int
    partition_epoch: int
    isr: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class IsrChangeResult:
    """What became of it: with NONE, the state as it is now; the image follows, or is there already."""

    error: ErrorCode
    leader: int = -1
    leader_epoch: int = -1
    isr: tuple[int, ...] = ()
    partition_epoch: int = -1


class ControllerChannel:
    """`serve_here` answers where this node is the controller. Used on the loop's thread only."""

    def __init__(
        self,
        *,
        node_id: int,
        leadership: Leadership,
        address_of: Callable[[int], Address | None],
        publisher: MetadataPublisher,
        serve_here: ServeHere,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._node_id = node_id
        self._leadership = leadership
        self._address_of = address_of
        self._publisher = publisher
        self._serve_here = serve_here
        self._loop = loop
        self._peer: PeerConnection | None = None
        self._peer_id = -1

    async def send(self, request: Request, response_type: type[R], *, version: int, timeout_ms: float) -> R:
        """The active controller's answer. Raises KafkaError REQUEST_TIMED_OUT where none answered in time.

        An answer whose error code is NOT_CONTROLLER is none: the next controller is asked.
        """
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                while True:
                    response = await self._attempt(request, response_type, version, timeout_ms)
                    if response is not None:
                        return response
                    await self._leadership_may_have_changed()
        except TimeoutError:
            raise KafkaError(ErrorCode.REQUEST_TIMED_OUT, "no controller answered in time") from None

    async def alter_partition(self, changes: Sequence[IsrChange]) -> list[IsrChangeResult]:
        """One result per change, in order. Raises KafkaError where there is no answer for any of them:
        REQUEST_TIMED_OUT (the change may still come), STALE_BROKER_EPOCH."""
        broker = self._publisher.image.brokers.get(self._node_id)
        epoch = -1 if broker is None else broker.broker_epoch
        request = AlterPartitionRequest(broker_id=self._node_id, broker_epoch=epoch, topics=_by_topic(changes))
        response = await self.send(
            request, AlterPartitionResponse, version=ALTER_PARTITION_VERSION, timeout_ms=ALTER_PARTITION_TIMEOUT_MS
        )
        if response.error_code:
            raise KafkaError(ErrorCode(response.error_code), "the controller refused the changes of in-sync replicas")
        found = {
            (topic.topic_id, partition.partition_index): IsrChangeResult(
                ErrorCode(partition.error_code),
                partition.leader_id,
                partition.leader_epoch,
                tuple(partition.isr),
                partition.partition_epoch,
            )
            for topic in response.topics
            for partition in topic.partitions
        }
        missing = IsrChangeResult(ErrorCode.UNKNOWN_SERVER_ERROR)
        return [found.get((change.topic_id, change.partition), missing) for change in changes]

    def close(self) -> None:
        if self._peer is not None:
            self._peer.close()

    async def _leadership_may_have_changed(self) -> None:
        """Until another node leads; where one is known that is not ready, or not reached, only for a moment."""
        changed = self._leadership.leader_changed()
        if self._leadership.leader_id is None:
            await changed
            return
        try:
            async with asyncio.timeout(RETRY_S):
                await changed
        except TimeoutError:
            return

    async def _attempt(self, request: Request, response_type: type[R], version: int, timeout_ms: float) -> R | None:
        leader_id = self._leadership.leader_id
        if leader_id is None:
            return None
        if leader_id == self._node_id:
            answer: Any = await self._serve_here(request, version)
            assert isinstance(answer, response_type)
        else:
            answer = await self._ask(leader_id, request, response_type, version, timeout_ms)
            if answer is None:
                return None
        if getattr(answer, "error_code", 0) == ErrorCode.NOT_CONTROLLER:
            return None
        return answer  # type: ignore[no-any-return]

    async def _ask(
        self, leader_id: int, request: Request, response_type: type[R], version: int, timeout_ms: float
    ) -> R | None:
        """None where another node leads before this one answered: one that hangs is not waited for."""
        peer = self._connection(leader_id)
        asked = self._loop.create_task(
            peer.send(request, response_type, version=version, timeout_ms=timeout_ms), name="ask-controller"
        )
        changed = self._loop.create_task(self._leadership.leader_changed(), name="watch-controller")
        try:
            await asyncio.wait((asked, changed), return_when=asyncio.FIRST_COMPLETED)
            return asked.result() if asked.done() else None
        except PeerUnreachable:
            return None
        finally:
            asked.cancel()
            changed.cancel()

    def _connection(self, leader_id: int) -> PeerConnection:
        if self._peer is None or self._peer_id != leader_id:
            if self._peer is not None:
                self._peer.close()
            self._peer = PeerConnection(
                lambda: self._address_of(leader_id),
                client_id=f"broker-{self._node_id}",
                loop=self._loop,
            )
            self._peer_id = leader_id
        return self._peer


def _by_topic(changes: Sequence[IsrChange]) -> list[AlterPartitionRequestTopicData]:
    topics: dict[bytes, AlterPartitionRequestTopicData] = {}
    for change in changes:
        topic = topics.get(change.topic_id)
        if topic is None:
            topic = topics[change.topic_id] = AlterPartitionRequestTopicData(topic_id=change.topic_id)
        isr = [BrokerState(broker_id=node_id, broker_epoch=broker_epoch) for node_id, broker_epoch in change.isr]
        topic.partitions.append(
            AlterPartitionRequestPartitionData(
                partition_index=change.partition,
                leader_epoch=change.leader_epoch,
                new_isr_with_epochs=isr,
                partition_epoch=change.partition_epoch,
            )
        )
    return list(topics.values())
