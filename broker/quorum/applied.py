"""The metadata log as far as it is applied here: entries and snapshots into the image, and who waits for that."""

from __future__ import annotations

from collections.abc import Sequence

from broker.metadata import MetadataImage, MetadataPublisher, decode_records, decode_snapshot, require_known
from broker.quorum.snapshots import Snapshot
from broker.quorum.waiters import OffsetWaiters
from protocol.errors import KafkaError
from raft import Entry, EntryKind


class AppliedLog:
    """`index` is that of the last entry that is applied, whatever its kind."""

    def __init__(self, publisher: MetadataPublisher) -> None:
        self._publisher = publisher
        self._waiters = OffsetWaiters()
        self.index = 0

    @property
    def image(self) -> MetadataImage:
        return self._publisher.image

    def apply(self, entries: Sequence[Entry]) -> int:
        """Returns how many bytes of log that was. Raises UnknownMetadata."""
        changes = [entry for entry in entries if entry.kind is EntryKind.NORMAL]
        batches = [decode_records(entry.data) for entry in changes]
        for records in batches:
            require_known(records)
        if changes:
            # Of the last change, not of a configuration behind it: an image is the same however entries came together.
            self._publisher.apply(batches, changes[-1].index)
        self._reached(entries[-1].index)
        return sum(len(entry.data) for entry in entries)

    def load(self, snapshot: Snapshot) -> None:
        """Raises UnknownMetadata."""
        _, records = decode_snapshot(snapshot.content)
        require_known(records)
        self._publisher.replace(records, snapshot.metadata.index)
        self._reached(snapshot.metadata.index)

    async def wait(self, index: int) -> None:
        await self._waiters.wait(index, self.index)

    def fail(self, failure: KafkaError) -> None:
        """Nothing more is applied."""
        self._waiters.fail(failure)

    def _reached(self, index: int) -> None:
        self.index = index
        self._waiters.resolve(index)
