"""The coordinators of all partitions of one internal topic that this node leads."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from broker.clock import Clock
from broker.coordination.decision import Decision, Reply
from broker.coordination.partition_runtime import CoordinatorPartition, PartitionRuntime, Shard, State
from protocol.errors import ErrorCode, KafkaError

__all__ = ["CoordinatorPartition", "CoordinatorRuntime", "Shard"]

logger = logging.getLogger(__name__)

# After a failed commit or load, while this node still leads the partition; doubled for each load that fails in a row,
# so that a partition nobody can read does not keep the node busy.
RELOAD_DELAY_MS = 500
RELOAD_DELAY_MAX_MS = 60_000

R = TypeVar("R")
S = TypeVar("S", bound="Shard[Any]")


class CoordinatorRuntime(Generic[S, R]):
    """Elect and resign it from the metadata's tail; ask it by partition index."""

    def __init__(
        self, make_shard: Callable[[], S], *, clock: Clock, loop: asyncio.AbstractEventLoop, commit_timeout_ms: int
    ) -> None:
        self._make_shard = make_shard
        self._clock = clock
        self._loop = loop
        self._commit_timeout_ms = commit_timeout_ms
        self._runtimes: dict[int, PartitionRuntime[S, R]] = {}
        self._reloads: dict[int, asyncio.TimerHandle] = {}
        self._leader_epochs: dict[int, int] = {}
        self._failed_loads: dict[int, int] = {}

    # --- leadership --------------------------------------------------------------------------------------------

    def elect(self, partition: CoordinatorPartition, leader_epoch: int) -> None:
        """This node leads `partition` at `leader_epoch`: load it. A repeated call for the same epoch does nothing."""
        index = partition.index
        if self._leader_epochs.get(index) == leader_epoch:
            return
        self.resign(index)
        self._leader_epochs[index] = leader_epoch
        self._load(partition)

    def resign(self, index: int) -> None:
        self._leader_epochs.pop(index, None)
        self._failed_loads.pop(index, None)
        reload = self._reloads.pop(index, None)
        if reload is not None:
            reload.cancel()
        runtime = self._runtimes.pop(index, None)
        if runtime is not None:
            runtime.close(ErrorCode.NOT_COORDINATOR)

    def close(self, code: ErrorCode = ErrorCode.COORDINATOR_NOT_AVAILABLE) -> None:
        """The node stops: whoever waits hears that the coordinator is going away."""
        for runtime in self._runtimes.values():
            runtime.close(code)
        for index in tuple(self._leader_epochs):
            self.resign(index)

    def _load(self, partition: CoordinatorPartition) -> None:
        runtime: PartitionRuntime[S, R] = PartitionRuntime(
            partition,
            self._make_shard(),
            clock=self._clock,
            loop=self._loop,
            commit_timeout_ms=self._commit_timeout_ms,
            on_lost=self._lost,
        )
        self._runtimes[partition.index] = runtime
        runtime.start()

    def _lost(self, runtime: PartitionRuntime[S, R], code: ErrorCode) -> None:
        index = runtime.partition.index
        if self._runtimes.get(index) is not runtime:
            return
        failed = self._failed_loads[index] = 0 if runtime.was_loaded else self._failed_loads.get(index, 0) + 1
        delay_ms = min(RELOAD_DELAY_MS << min(failed, 16), RELOAD_DELAY_MAX_MS)
        logger.warning("reloading coordinator partition %d in %d ms (%s)", index, delay_ms, code.name)
        self._reloads[index] = self._loop.call_later(delay_ms / 1000, self._reload, runtime.partition)

    def _reload(self, partition: CoordinatorPartition) -> None:
        del self._reloads[partition.index]
        self._load(partition)

    # --- asking ------------------------------------------------------------------------------------------------

    async def ask(self, index: int, rule: Callable[[S, Decision[R], Reply], None]) -> Any:
        """The response `rule` gives, once all it depends on is committed. Raises KafkaError.

        NOT_COORDINATOR where this node does not lead the partition, COORDINATOR_LOAD_IN_PROGRESS while it loads.
        """
        runtime = self._runtimes.get(index)
        if runtime is None:
            raise KafkaError(ErrorCode.NOT_COORDINATOR, f"this node is not the coordinator of partition {index}")
        if runtime.state is State.CLOSED and index in self._reloads:
            raise KafkaError(ErrorCode.COORDINATOR_NOT_AVAILABLE, "the coordinator could not write; it will reload")
        response = await runtime.ask(rule)
        if isinstance(response, KafkaError):
            raise response
        return response

    def tell_all(self, rule: Callable[[S, Decision[R]], None]) -> None:
        for runtime in tuple(self._runtimes.values()):
            runtime.tell(rule)

    def indexes(self) -> Iterator[int]:
        """The partitions this node coordinates, loading ones included."""
        return iter(tuple(self._runtimes))

    def shards(self) -> Iterator[S]:
        """The loaded state, for metrics."""
        return (runtime.shard for runtime in self._runtimes.values() if runtime.state is State.ACTIVE)
