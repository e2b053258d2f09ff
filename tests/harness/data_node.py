"""A metadata node with partitions on a simulated disk: what handlers of records ask for, without sockets.

with data_node() as node:
    node.create("orders")
    answer = node.handle(produce.handle, produce_request("orders", batch(b"x")), version=8)
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from simulation import SimulatedFilesystem

from broker.durability import Committer
from broker.end_of_turn import EndOfTurn
from broker.fetching import FetchSessions
from broker.log import LogConfig, LogManager
from broker.partition import Partition, PartitionTable
from broker.request import Deferred, RequestContext
from harness.handler_call import services_of
from harness.metadata_node import LISTENER, NODE_ID, MetadataNode
from protocol.messages import REQUESTS
from wal import Journal, StorageError

_KEY_OF = {message: key for key, message in REQUESTS.items()}


class DataNode:
    """`answers` are those of requests that were answered later, in the order they came."""

    def __init__(self, metadata: MetadataNode) -> None:
        self.metadata = metadata
        self.disk = SimulatedFilesystem(seed=1)
        self.answers: list[object] = []
        self.services = services_of(metadata)
        logs = LogManager(self.disk, "data/logs")
        logs.load_all()
        self.end_of_turn = EndOfTurn(metadata.loop)
        self.committer = Committer(
            Journal.open(self.disk, "data/journal"),
            loop=metadata.loop,
            end_of_turn=self.end_of_turn,
            on_failure=self._storage_failed,
        )
        self.partitions = PartitionTable(
            logs,
            node_id=NODE_ID,
            durability=self.committer,
            clock=self.services.clock,
            end_of_turn=self.end_of_turn,
            log_config_of=lambda topic: LogConfig(),
        )
        self.services.partitions = self.partitions
        self.services.logs = logs
        ids = itertools.count(1)
        self.services.fetch_sessions = FetchSessions(10, choose_id=lambda: next(ids))
        metadata.publisher.subscribe(self.partitions.on_metadata_update)
        self.partitions.set_aside_strays(metadata.image)

    def _storage_failed(self, error: StorageError) -> None:
        self.metadata.failures.append(error)
        self.partitions.fail_all(str(error))

    def create(self, topic: str) -> Partition:
        self.metadata.run(self.metadata.controller.auto_create_topic(topic))
        partition = self.partitions.find(topic, 0)
        assert partition is not None
        return partition

    def begin(self, handle: Callable[..., Any], request: Any, *, version: int) -> Any:
        """What the handler returns on the loop: a response, or a Deferred whose answer goes to `answers`."""

        async def call() -> Any:
            context = RequestContext(_KEY_OF[type(request)], version, 1, "client", "127.0.0.1", LISTENER)
            result = handle(self.services, context, request)
            if isinstance(result, Deferred):
                result.deliver_to(self.answers.append)
            return result

        return self.metadata.run(call())

    def turn(self, count: int = 5) -> None:
        """Let the loop turn."""

        async def turns() -> None:
            for _ in range(count):
                await asyncio.sleep(0)

        self.metadata.run(turns())

    def commit(self) -> None:
        """Make durable what was appended; the committer takes no more afterwards."""
        self.turn()
        self.committer.start()
        self.committer.stop()


@contextmanager
def data_node() -> Iterator[DataNode]:
    with MetadataNode() as metadata:
        yield DataNode(metadata)
