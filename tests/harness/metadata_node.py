"""A node as far as metadata goes: log, image and controller, on a simulated disk, with a loop of its own.

with MetadataNode() as node:
    node.run(node.controller.auto_create_topic("orders"))
    node.restart()
    assert "orders" in node.image.topics_by_name
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from simulation import SimulatedFilesystem

from broker.cluster import ClusterIdentity
from broker.config import BrokerConfig, validate_topic_configs
from broker.controller import Controller, Registration
from broker.controller.broker_registry import decide_registration
from broker.metadata import (
    SUPPORTED,
    BrokerEndpoint,
    BrokerRegistrationRecord,
    MetadataImage,
    MetadataPublisher,
    MetadataRecord,
)
from broker.quorum import QuorumSettings, RaftQuorum, load_or_create_meta_properties
from protocol.config_numbers import ConfigSource
from raft import Configuration
from wal import Filesystem, JournalLimits

T = TypeVar("T")

# So that a few dozen entries fill several segments, and snapshots trim some.
SMALL_SEGMENTS = JournalLimits(
    commit_bytes_max=1 << 20, commit_entries_max=4096, segment_bytes=4096, spare_segments_max=1
)

NODE_ID = 1
LISTENER = "PLAINTEXT"
DATA_DIRECTORY = "data"


class CountingUuids:
    """Ids that are the same in every run of a test; share one among the lives of a disk."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def __call__(self) -> bytes:
        return next(self._numbers).to_bytes(4, "big") * 4


def registration(
    node_id: int, *, rack: str | None = None, fenced: bool = False, listener: str = LISTENER
) -> BrokerRegistrationRecord:
    endpoint = BrokerEndpoint(listener, f"host-{node_id}", 9092)
    return BrokerRegistrationRecord(node_id, 1, bytes(16), [endpoint], rack, fenced)


class MetadataNode:
    def __init__(
        self,
        filesystem: Filesystem | None = None,
        *,
        settings: Mapping[str, str] | None = None,
        snapshot_interval_bytes: int = 1 << 20,
        make_uuid: Callable[[], bytes] | None = None,
    ) -> None:
        self.filesystem: Filesystem = filesystem or SimulatedFilesystem()
        self.config = BrokerConfig.from_properties(settings or {})
        self.snapshot_interval_bytes = snapshot_interval_bytes
        self.failures: list[Exception] = []
        self.loop = asyncio.new_event_loop()
        self._uuids = make_uuid or CountingUuids()
        self.run(self._start())

    async def _start(self) -> None:
        self.publisher = MetadataPublisher()
        # Entries a batch, to see what was applied together.
        self.applied_offsets: list[int] = []
        self.publisher.subscribe(lambda delta, image: self.applied_offsets.append(image.metadata_offset))
        self.quorum = RaftQuorum(
            self.filesystem,
            f"{DATA_DIRECTORY}/metadata",
            node_id=NODE_ID,
            settings=QuorumSettings(
                Configuration.of(NODE_ID), snapshot_interval_bytes=self.snapshot_interval_bytes, limits=SMALL_SEGMENTS
            ),
            on_failure=self.failures.append,
        )
        self.meta_properties = load_or_create_meta_properties(
            self.filesystem, DATA_DIRECTORY, node_id=NODE_ID, make_uuid=self._uuids
        )
        settings = self.config.layers[ConfigSource.STATIC_BROKER]
        self.identity = ClusterIdentity(
            self.filesystem, BrokerConfig.from_properties({**settings, "log.dirs": DATA_DIRECTORY})
        )
        await self.quorum.start(self.publisher)
        self.controller = Controller(
            node_id=NODE_ID,
            config=lambda: self.config,
            quorum=self.quorum,
            publisher=self.publisher,
            validate_topic_configs=validate_topic_configs,
            make_uuid=self._uuids,
        )
        await self.controller.begin_cluster(self.meta_properties.cluster_id)
        await self._register()

    async def _register(self) -> None:
        """As a broker of its own would, fit to lead."""
        this_broker = Registration(NODE_ID, self._uuids(), {LISTENER: ("host-1", 9092)}, None, SUPPORTED)
        records, _ = decide_registration(
            self.image, this_broker, may_be_unclean=lambda topic: False, has_valid_session=False, fenced=False
        )
        await self.quorum.propose(records)

    @property
    def image(self) -> MetadataImage:
        return self.publisher.image

    def run(self, work: Awaitable[T]) -> T:
        return self.loop.run_until_complete(work)

    def propose(self, *records: MetadataRecord) -> None:
        """Records without a decision, as another broker's would be: for clusters of more than this node."""

        async def propose() -> None:
            await self.quorum.propose(records)

        self.run(propose())

    def stop(self) -> None:
        self.run(self.quorum.stop())

    def restart(self) -> None:
        self.stop()
        self.run(self._start())

    def close(self) -> None:
        try:
            self.stop()
        finally:
            self.loop.close()

    def __enter__(self) -> MetadataNode:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
