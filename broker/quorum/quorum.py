"""The seam between those who decide about metadata and the log that makes a decision the cluster's."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from broker.metadata import MetadataPublisher, MetadataRecord


class Quorum(Protocol):
    """Called from the event-loop thread only."""

    @property
    def is_leader(self) -> bool:
        """Whether `propose` is worth trying here."""
        ...

    @property
    def leader_id(self) -> int | None:
        """The node that proposals belong on; None while there is no such node."""
        ...

    async def start(self, publisher: MetadataPublisher) -> None:
        """Apply everything committed so far, then go on with what is committed later.

        Raises wal.StorageError or UnknownMetadata where the log cannot be read.
        """
        ...

    async def stop(self) -> None:
        """Settle what was proposed, then close the log."""
        ...

    def propose(self, records: Sequence[MetadataRecord]) -> asyncio.Future[None]:
        """Put `records` into the log as one entry, applied whole or not at all.

        The entry has its place in the log when this returns; the future completes after it was applied to the
        image of this broker, or fails with KafkaError (KAFKA_STORAGE_ERROR, NOT_CONTROLLER). It is shared: whoever
        may be cancelled awaits it through `asyncio.shield`.
        A proposal that got no place raises at once: NOT_CONTROLLER, KAFKA_STORAGE_ERROR, or REQUEST_TIMED_OUT where
        too many wait already.
        """
        ...
