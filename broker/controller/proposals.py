"""What decisions are made on: the image as it will be when everything proposed so far is applied.

Decisions need not wait for each other's commit, so they are made on a draft: the published image plus the proposals
in flight, in order. A decision made on a draft is right if all of these are committed; where one fails, nothing
more is decided until all have settled, and then the published image is the truth again.

Invariant: the draft is the published image, or was made from it by the records in flight and those applied since.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from broker.metadata import MetadataDelta, MetadataImage, MetadataPublisher, MetadataRecord, gated, restricted
from broker.quorum import Quorum
from protocol.errors import ErrorCode, KafkaError

# One entry of the log must stay small enough to replicate.
RECORDS_PER_ENTRY_MAX = 10_000


class Proposals:
    def __init__(self, quorum: Quorum, publisher: MetadataPublisher) -> None:
        self._quorum = quorum
        self._publisher = publisher
        self._draft: MetadataImage | None = None
        self._in_flight = 0
        self._one_failed = False
        self._latest: asyncio.Future[None] | None = None

    @property
    def image(self) -> MetadataImage:
        """The image to decide on; decide and submit without an `await` between."""
        return self._publisher.image if self._draft is None else self._draft

    def submit(self, records: Sequence[MetadataRecord]) -> asyncio.Future[None]:
        """Propose what was decided. The future is shared: await it through `asyncio.shield`.

        Without records it is the future of what was proposed before: an answer may not tell of a state that is not
        committed yet. Raises KafkaError where the proposal got no place in the log.
        """
        if self._one_failed:
            raise KafkaError(ErrorCode.NOT_CONTROLLER, "an earlier metadata change of this node failed; try again")
        self._quorum.require_leader()
        if not records:
            return self._settled_future()
        # Replayed first: a record that does not fit the state must not get into the log.
        base = self.image
        # What the cluster may not write yet, some of its nodes could not read.
        records = restricted(records, gated(base).record_format)
        delta = MetadataDelta(base)
        delta.replay_all(records)
        draft = delta.complete(base.metadata_offset + 1)
        future = self._quorum.propose(records)
        self._draft = draft
        self._in_flight += 1
        self._latest = future
        future.add_done_callback(self._on_settled)
        return future

    def submit_all(self, records: Sequence[MetadataRecord]) -> asyncio.Future[None]:
        """As `submit`, for any number of records, which may be applied in several steps."""
        future = self.submit(records[:RECORDS_PER_ENTRY_MAX])
        for first in range(RECORDS_PER_ENTRY_MAX, len(records), RECORDS_PER_ENTRY_MAX):
            # Entries are applied in order, so the last one's future is that of all.
            future = self.submit(records[first : first + RECORDS_PER_ENTRY_MAX])
        return future

    def _settled_future(self) -> asyncio.Future[None]:
        if self._latest is not None:
            return self._latest
        settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        settled.set_result(None)
        return settled

    def _on_settled(self, future: asyncio.Future[None]) -> None:
        self._in_flight -= 1
        if future.cancelled() or future.exception() is not None:
            self._one_failed = True
        if not self._in_flight:
            self._draft = None
            self._latest = None
            self._one_failed = False
