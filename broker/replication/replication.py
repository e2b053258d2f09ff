"""This broker as one among replicas: fetchers for what it follows, in-sync sets and time limits of what it leads."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from zlib import crc32

from broker.background import BackgroundTasks
from broker.config import BrokerConfig
from broker.metadata import MetadataDelta, MetadataImage, MetadataPublisher
from broker.partition import HighWatermarkCheckpoint, Partition, PartitionTable
from broker.replication.fetch_session import FetchBounds, FetchSession, PartitionKey
from broker.replication.fetcher import Fetcher, FetcherLimits, Peer
from broker.replication.isr_changes import Controller, IsrChanges
from broker.replication.throttle import ReplicationThrottle
from wal import StorageError

logger = logging.getLogger(__name__)

# How often leaders end waits whose time is over and look for followers that fell behind.
LOOK_S = 0.5


class Replication:
    """Subscribes to roles and to the image; `start` begins what runs by the clock. Used on the loop's thread."""

    def __init__(
        self,
        *,
        config: Callable[[], BrokerConfig],
        connect: Callable[[int, str], Peer],
        partitions: PartitionTable,
        publisher: MetadataPublisher,
        channel: Controller,
        high_watermarks: HighWatermarkCheckpoint,
        loop: asyncio.AbstractEventLoop,
        throttle: ReplicationThrottle | None = None,
    ) -> None:
        """`connect(leader id, client id)` is a connection to where brokers reach each other."""
        self._config = config
        self._connect = connect
        self._partitions = partitions
        self._publisher = publisher
        self._high_watermarks = high_watermarks
        self._loop = loop
        self._throttle = throttle
        self._node_id = partitions.node_id
        self._fetchers: dict[tuple[int, int], Fetcher] = {}
        self._fetcher_of: dict[PartitionKey, Fetcher] = {}
        self._isr_changes = IsrChanges(channel, loop=loop)
        self._stopping: set[asyncio.Task[None]] = set()
        # The disk refused the high watermarks when they were to be written last.
        self._is_unwritten = False
        partitions.on_role(self._role_changed)
        partitions.on_isr_change(self._isr_changes.add)
        publisher.subscribe(self._image_moved)

    def start(self, background: BackgroundTasks) -> None:
        background.every(LOOK_S, "replicas", self._look_after_partitions)
        interval_s = self._config().replica_high_watermark_checkpoint_interval_ms / 1000
        background.every(interval_s, "high watermarks", self._checkpoint)

    async def stop(self) -> None:
        """Fetch no more; the high watermarks are written for the last time."""
        while self._fetchers:  # the image moves on meanwhile, and takes some away
            _, fetcher = self._fetchers.popitem()
            await fetcher.stop()
        await asyncio.gather(*self._stopping, return_exceptions=True)
        await self._isr_changes.stop()
        await self._checkpoint()

    # --- who is followed -----------------------------------------------------------------------------------------

    def _role_changed(self, partition: Partition) -> None:
        key = (partition.topic_id, partition.index)
        role = partition.following
        fetcher = None if role is None else self._fetcher(role.leader_id, key)
        former = self._fetcher_of.pop(key, None)
        if former is not None and former is not fetcher:
            former.remove(key)
        if fetcher is not None and role is not None:
            self._fetcher_of[key] = fetcher
            fetcher.add(role)

    def _fetcher(self, leader_id: int, key: PartitionKey) -> Fetcher:
        number = crc32(key[0] + key[1].to_bytes(4)) % self._config().num_replica_fetchers
        fetcher = self._fetchers.get((leader_id, number))
        if fetcher is None:
            fetcher = self._fetchers[leader_id, number] = Fetcher(
                leader_id,
                self._connect(leader_id, f"broker-{self._node_id}-fetcher-{number}"),
                new_session=self._new_session,
                limits=self._limits,
                write_out=self._partitions.write_out,
                loop=self._loop,
                throttle=self._throttle,
            )
        return fetcher

    def _new_session(self) -> FetchSession:
        broker = self._publisher.image.brokers.get(self._node_id)
        return FetchSession(self._node_id, -1 if broker is None else broker.broker_epoch)

    def _limits(self) -> FetcherLimits:
        config = self._config()
        return FetcherLimits(
            FetchBounds(
                max_wait_ms=config.replica_fetch_wait_max_ms,
                max_bytes=config.replica_fetch_response_max_bytes,
                partition_max_bytes=config.replica_fetch_max_bytes,
            ),
            timeout_ms=max(config.replica_socket_timeout_ms, 2 * config.replica_fetch_wait_max_ms),
            backoff_s_max=config.replica_fetch_backoff_ms / 1000,
        )

    def _image_moved(self, delta: MetadataDelta, image: MetadataImage) -> None:
        for node_id in delta.changed_broker_ids:
            if node_id not in image.brokers:
                self._stop_fetching_from(node_id)

    def _stop_fetching_from(self, node_id: int) -> None:
        for key in [key for key in self._fetchers if key[0] == node_id]:
            if not len(self._fetchers[key]):
                stopping = self._loop.create_task(self._fetchers.pop(key).stop(), name=f"stop-fetcher-{node_id}")
                self._stopping.add(stopping)
                stopping.add_done_callback(self._stopping.discard)

    # --- by the clock --------------------------------------------------------------------------------------------

    async def _look_after_partitions(self) -> None:
        now_ms = self._partitions.clock.monotonic_ms()
        for partition in list(self._partitions):
            partition.look_after(now_ms)

    async def _checkpoint(self) -> None:
        offsets = self._high_watermarks.take(self._partitions)
        if offsets is None:
            return
        try:
            await asyncio.to_thread(self._high_watermarks.write, offsets)
        except StorageError as error:
            if not self._is_unwritten:  # told once, not at every try
                logger.error("the high watermarks could not be written; tried again with the next: %s", error)
            self._is_unwritten = True
        else:
            if self._is_unwritten:
                logger.warning("the high watermarks are written again")
            self._is_unwritten = False
